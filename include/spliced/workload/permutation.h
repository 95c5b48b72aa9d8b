// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace spliced::workload {

// A pseudo-random permutation of [0, count) that is computed, not stored: constant memory at any size.
//
// A Feistel network (Luby, Rackoff 1988) over the next power of two, with cycle walking (Black, Rogaway, "Ciphers with
// arbitrary finite domains", 2002) back into the range; fewer than two walks on average. Immutable; thread-safe.
class Permutation {
 public:
  Permutation(std::uint64_t count, std::uint64_t seed);
  [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const;  // index < count

 private:
  [[nodiscard]] std::uint64_t shuffle(std::uint64_t value) const;

  std::uint64_t count_;
  std::uint64_t seed_;
  unsigned high_bits_;
  unsigned low_bits_;
};

}  // namespace spliced::workload
