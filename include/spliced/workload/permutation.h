// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

namespace spliced::workload {

// A pseudo-random permutation of [0, count) that is computed, not stored: constant memory at any size, and it can be
// asked both ways.
//
// A Feistel network (Luby, Rackoff, "How to construct pseudorandom permutations from pseudorandom functions", 1988)
// over the next power of two, with cycle walking (Black, Rogaway, "Ciphers with arbitrary finite domains", 2002) back
// into the range; fewer than two walks on average. Immutable; thread-safe.
class Permutation {
 public:
  // What is written in this order is found again by it: one that gives another order has another number.
  static constexpr unsigned kVersion = 1;

  Permutation(std::uint64_t count, std::uint64_t seed);
  [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const;  // index < count
  [[nodiscard]] std::uint64_t index_of(std::uint64_t value) const;    // the inverse; value < count

 private:
  [[nodiscard]] std::uint64_t shuffle(std::uint64_t value) const;
  [[nodiscard]] std::uint64_t unshuffle(std::uint64_t value) const;

  std::uint64_t count_;
  unsigned rounds_;  // even, so that the halves come back to their own widths
  unsigned high_bits_;
  unsigned low_bits_;
  std::array<std::uint64_t, 8> keys_{};  // of the rounds
};

}  // namespace spliced::workload
