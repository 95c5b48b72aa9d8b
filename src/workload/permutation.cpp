// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/permutation.h"

#include <bit>

#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

constexpr unsigned kRounds = 4;  // even, so that the halves come back to their own widths

constexpr std::uint64_t mask(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

}  // namespace

Permutation::Permutation(std::uint64_t count, std::uint64_t seed) : count_(count), seed_(util::mix64(seed)) {
  const auto bits = static_cast<unsigned>(std::bit_width(count > 0 ? count - 1 : 0));
  high_bits_ = bits / 2;
  low_bits_ = bits - high_bits_;
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  do index = shuffle(index);
  while (index >= count_);
  return index;
}

std::uint64_t Permutation::shuffle(std::uint64_t value) const {
  std::uint64_t high = value >> low_bits_;
  std::uint64_t low = value & mask(low_bits_);
  unsigned high_bits = high_bits_;
  unsigned low_bits = low_bits_;
  for (unsigned round = 0; round < kRounds; ++round) {
    const std::uint64_t next = (high ^ util::mix64(low + seed_ + round)) & mask(high_bits);
    high = low;
    low = next;
    const unsigned bits = high_bits;
    high_bits = low_bits;
    low_bits = bits;
  }
  return high << low_bits | low;
}

}  // namespace spliced::workload
