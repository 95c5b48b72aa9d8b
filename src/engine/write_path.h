#pragma once
#include "context.h"

namespace spliced::engine {

// Memory → pipe → target. vmsplice maps the caller's pages into the pipe, so a buffer is the caller's again only when
// run() returned; where vmsplice is refused, write(2) copies into the pipe instead.
class WritePath {
 public:
  explicit WritePath(Context ctx) : ctx_(ctx) {}
  void run(Transfer& transfer);

 private:
  [[nodiscard]] std::size_t fill(Transfer& transfer, std::size_t position);
  [[nodiscard]] CallResult put(const std::byte* from, std::size_t bytes);
  [[nodiscard]] bool flush(Transfer& transfer, std::size_t bytes);

  Context ctx_;
  bool vmsplice_ = true;
  bool worked_ = false;
};

}  // namespace spliced::engine
