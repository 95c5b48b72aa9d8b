// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/permutation.h"

#include <bit>

#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

// The fewer bits a half has, the less each round mixes: with four rounds, a thousand blocks would begin up to three
// times as often with one block as with another.
constexpr std::uint64_t kSmall = std::uint64_t{1} << 20;  // blocks
constexpr unsigned kRounds = 4, kRoundsIfSmall = 8;

constexpr std::uint64_t mask(unsigned bits) {
  return (std::uint64_t{1} << bits) - 1;
}

}  // namespace

Permutation::Permutation(std::uint64_t count, std::uint64_t seed)
    : count_(count), rounds_(count <= kSmall ? kRoundsIfSmall : kRounds) {
  const auto bits = static_cast<unsigned>(std::bit_width(count > 0 ? count - 1 : 0));
  high_bits_ = bits / 2;
  low_bits_ = bits - high_bits_;
  // Each is hashed from the one before: keys that adjoin make rounds that are alike.
  for (std::uint64_t& key : keys_) key = seed = util::mix64(seed);
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  do index = shuffle(index);
  while (index >= count_);
  return index;
}

std::uint64_t Permutation::index_of(std::uint64_t value) const {
  do value = unshuffle(value);
  while (value >= count_);
  return value;
}

std::uint64_t Permutation::shuffle(std::uint64_t value) const {
  std::uint64_t high = value >> low_bits_;
  std::uint64_t low = value & mask(low_bits_);
  for (unsigned round = 0; round < rounds_; round += 2) {
    high ^= util::mix64(low ^ keys_[round]) & mask(high_bits_);
    low ^= util::mix64(high ^ keys_[round + 1]) & mask(low_bits_);
  }
  return high << low_bits_ | low;
}

std::uint64_t Permutation::unshuffle(std::uint64_t value) const {
  std::uint64_t high = value >> low_bits_;
  std::uint64_t low = value & mask(low_bits_);
  for (unsigned round = rounds_; round > 0; round -= 2) {
    low ^= util::mix64(high ^ keys_[round - 1]) & mask(low_bits_);
    high ^= util::mix64(low ^ keys_[round - 2]) & mask(high_bits_);
  }
  return high << low_bits_ | low;
}

}  // namespace spliced::workload
