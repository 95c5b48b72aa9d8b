// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cstdint>
#include <limits>

namespace spliced::util {

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014). A good mixer of
// seeds.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// The share of [0, bound) that a random word stands for, bound > 0. Multiplication instead of division: Lemire, "Fast
// random integer generation in an interval" (2019); the bias that is left, bound/2^64, is far below what any workload
// could show.
[[nodiscard]] constexpr std::uint64_t scale_to(std::uint64_t bound, std::uint64_t word) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(word) * bound) >> 64);
}

// xoshiro256**: Blackman, Vigna, "Scrambled linear pseudorandom number generators" (2018). A long sequence from one
// seed.
class Xoshiro256 {
 public:
  explicit constexpr Xoshiro256(std::uint64_t seed) {
    for (auto& word : state_) word = seed = mix64(seed);
  }
  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::uint64_t state_[4] = {};
};

// SplitMix64 as a sequence: nothing to set up, so that each of many keys, hashed apart, can have a short one of its
// own.
class SplitMix64 {
 public:
  explicit constexpr SplitMix64(std::uint64_t key) : state_(key) {}
  constexpr std::uint64_t next() {
    const std::uint64_t result = mix64(state_);
    state_ += 0x9e3779b97f4a7c15ULL;
    return result;
  }

 private:
  std::uint64_t state_;
};

// A C++ UniformRandomBitGenerator, so that the distributions of <random> work with it. Not for cryptography.
template <class Words>
class Uniform {
 public:
  using result_type = std::uint64_t;
  explicit constexpr Uniform(std::uint64_t seed) : words_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  constexpr result_type operator()() { return words_.next(); }

  constexpr std::uint64_t below(std::uint64_t bound) { return scale_to(bound, words_.next()); }  // in [0, bound)
  constexpr double unit() {                                                                      // in (0, 1)
    return (static_cast<double>(words_.next() >> 12) + 0.5) * 0x1.0p-52;
  }

 private:
  Words words_;
};

using Random = Uniform<Xoshiro256>;
using KeyedRandom = Uniform<SplitMix64>;

}  // namespace spliced::util
