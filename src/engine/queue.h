// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <span>

#include "spliced/engine/engine.h"

namespace spliced::engine {

// Slots that were submitted and have not begun, in order. Of an engine that does its work in reap().
template <std::size_t Depth>
class SlotQueue {
 public:
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] std::size_t push(std::span<IoSlot* const> slots) {
    if (begin_ == end_) begin_ = end_ = 0;
    const std::size_t count = std::min(slots.size(), Depth - size());
    if (end_ + count > Depth) move_to_front();
    std::copy_n(slots.begin(), count, slots_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += count;
    return count;
  }
  // The first `count`, at most; they stay in the queue until pop().
  [[nodiscard]] std::span<IoSlot* const> front(std::size_t count) const {
    return {slots_.data() + begin_, std::min(count, size())};
  }
  void pop(std::size_t count) { begin_ += count; }
  [[nodiscard]] std::size_t withdraw(std::span<IoSlot*> out) {
    const auto first = front(out.size());
    std::copy(first.begin(), first.end(), out.begin());
    pop(first.size());
    return first.size();
  }

 private:
  void move_to_front() {
    std::copy(slots_.begin() + static_cast<std::ptrdiff_t>(begin_), slots_.begin() + static_cast<std::ptrdiff_t>(end_),
              slots_.begin());
    end_ -= begin_;
    begin_ = 0;
  }

  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<IoSlot*, Depth> slots_{};
};

}  // namespace spliced::engine
