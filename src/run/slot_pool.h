// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <memory>

#include "spliced/engine/engine.h"

namespace spliced::run {

// The slots of one worker. The lowest free one is taken first: what was used last is still near the CPU, and slots that
// are taken together are neighbours, as their buffers are. Belongs to one thread.
class SlotPool {
 public:
  // At most engine::kMaxDepth.
  explicit SlotPool(std::size_t count) : slots_(std::make_unique<engine::IoSlot[]>(count)) {
    for (std::size_t i = 0; i < count; ++i) free_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  // One that is free; there must be one.
  [[nodiscard]] engine::IoSlot& take() {
    std::size_t word = 0;
    while (free_[word] == 0) ++word;
    const auto bit = static_cast<std::size_t>(std::countr_zero(free_[word]));
    free_[word] &= free_[word] - 1;
    return slots_[word * 64 + bit];
  }
  void give_back(const engine::IoSlot& slot) {
    const std::size_t index = index_of(slot);
    free_[index / 64] |= std::uint64_t{1} << (index % 64);
  }
  [[nodiscard]] std::size_t index_of(const engine::IoSlot& slot) const {
    return static_cast<std::size_t>(&slot - slots_.get());
  }

 private:
  std::unique_ptr<engine::IoSlot[]> slots_;
  std::array<std::uint64_t, engine::kMaxDepth / 64> free_{};  // a bit for each
};

}  // namespace spliced::run
