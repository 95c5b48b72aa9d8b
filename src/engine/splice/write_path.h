// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <span>

#include "context.h"

namespace spliced::engine {

// Memory → pipe → target. vmsplice maps the callers' pages into the pipe, so buffers are theirs again only when run()
// returned; where vmsplice is refused, write(2) copies into the pipe instead. The transfers of a batch go into the pipe
// in one call, and out of it each to its own offset.
class WritePath {
 public:
  explicit WritePath(const Context& ctx) : ctx_(ctx) {}
  // At most kMaxBatch transfers. How many of them have an outcome: all, or those up to the first that is not done.
  std::size_t run(std::span<IoSlot* const> group);

 private:
  // Parts of the transfers at the front of a group that fit into the empty pipe together.
  struct Filling {
    std::size_t count = 0;      // of parts
    std::size_t transfers = 0;  // that the parts belong to
    std::array<iovec, kMaxBatch> parts;
  };

  [[nodiscard]] Filling gather(std::span<IoSlot* const> group) const;
  [[nodiscard]] CallResult fill(std::span<IoSlot* const> group, bool alone);
  [[nodiscard]] CallResult put(const Filling& filling);
  [[nodiscard]] std::size_t flush(std::span<IoSlot* const> group, std::size_t bytes);
  util::Nanos charge_time(IoSlot& transfer);

  Context ctx_;
  bool vmsplice_ = true;
  bool worked_ = false;
};

}  // namespace spliced::engine
