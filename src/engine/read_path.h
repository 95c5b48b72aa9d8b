#pragma once
#include "context.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine {

// Target → pipe → memory, by the best of the four read paths that this kernel lets through.
class ReadPaths {
 public:
  explicit ReadPaths(Context ctx);
  ~ReadPaths() { release(); }
  ReadPaths(const ReadPaths&) = delete;
  ReadPaths& operator=(const ReadPaths&) = delete;

  void run(Transfer& transfer);
  // Unmaps what the `map` path left behind. The data of `previous`, if it lies there, moves to its buffer first.
  void release(Transfer* previous = nullptr);

 private:
  [[nodiscard]] ReadPath path() const { return ctx_.counters.read_path.load(std::memory_order_relaxed); }
  [[nodiscard]] bool prepare(Transfer& transfer);
  [[nodiscard]] bool drain(Transfer& transfer, std::size_t position, std::size_t bytes);
  [[nodiscard]] CallResult take(const Transfer& transfer, std::size_t position, std::size_t bytes);
  [[nodiscard]] bool downgrade(const Transfer& transfer, std::size_t position, int error);

  Context ctx_;
  std::byte* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  util::UniqueFd sink_;  // /dev/null, for `discard`
  bool worked_ = false;
};

}  // namespace spliced::engine
