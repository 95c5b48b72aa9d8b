// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace spliced::workload {

// The order of a round that reads what it writes: chunk by chunk, each is read a distance behind what is being written;
// the last ones are only read. A pure function of the numbers that it is made from. Indices are those of the blocks in
// the order of the pass; positions number what is done with them. A value; thread-safe.
class ReadBack {
 public:
  ReadBack() = default;  // of no block
  // `chunk` and `distance`: blocks, at least one; the distance is rounded up to chunks.
  ReadBack(std::uint64_t blocks, std::uint64_t chunk, std::uint64_t distance);

  struct Step {
    bool reads = false;
    std::uint64_t index = 0;
  };
  [[nodiscard]] std::uint64_t count() const { return 2 * blocks_; }
  [[nodiscard]] Step at(std::uint64_t position) const;  // below count()
  [[nodiscard]] std::uint64_t position_of_write(std::uint64_t index) const;
  [[nodiscard]] std::uint64_t position_of_read(std::uint64_t index) const;

 private:
  [[nodiscard]] std::uint64_t step_of_write(std::uint64_t chunk) const;
  [[nodiscard]] std::uint64_t position_in(std::uint64_t step, std::uint64_t index) const;

  std::uint64_t blocks_ = 0;
  std::uint64_t chunk_ = 1;
  std::uint64_t chunks_ = 0;
  std::uint64_t ahead_ = 0;       // chunks that are written before the first is read
  std::uint64_t short_step_ = 0;  // in which the last chunk, which may be short, is written
  std::uint64_t missing_ = 0;     // blocks that it is short of
};

}  // namespace spliced::workload
