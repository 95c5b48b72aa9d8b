// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstdint>

namespace spliced::workload {

// The part of a target that a job works on, cut into blocks. The last block is shorter where the range is no multiple
// of the block size, so that nothing at the end is left out.
struct BlockRange {
  std::uint64_t offset = 0;  // bytes from the start of the target
  std::uint64_t size = 0;    // bytes
  std::uint64_t block = 1;   // bytes

  [[nodiscard]] std::uint64_t count() const { return (size + block - 1) / block; }
  [[nodiscard]] std::uint64_t start_of(std::uint64_t index) const { return offset + index * block; }
  [[nodiscard]] std::uint64_t length_of(std::uint64_t index) const { return std::min(block, size - index * block); }
};

}  // namespace spliced::workload
