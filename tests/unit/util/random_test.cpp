// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace spliced::util {
namespace {

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kMax = ~std::uint64_t{0};

// The reference algorithm of Blackman and Vigna, written down a second time.
struct Reference {
  std::array<std::uint64_t, 4> s;

  static std::uint64_t left(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t next() {
    const std::uint64_t out = left(s[1] * 5, 7) * 9;
    const std::uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = left(s[3], 45);
    return out;
  }
};

Reference reference_for(std::uint64_t seed) {
  Reference out{};
  for (auto& word : out.s) word = seed = mix64(seed);
  return out;
}

// The inverses of odd factors modulo 2^64, by Newton's iteration.
constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t x = odd;
  for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
  return x;
}

constexpr std::uint64_t unshift(std::uint64_t y, int k) {
  std::uint64_t x = y;
  for (int i = 0; i < 64 / k + 1; ++i) x = y ^ (x >> k);
  return x;
}

constexpr std::uint64_t unmix64(std::uint64_t x) {
  x = unshift(x, 31) * inverse(0x94d049bb133111ebULL);
  x = unshift(x, 27) * inverse(0xbf58476d1ce4e5b9ULL);
  return unshift(x, 30) - kGamma;
}

// A seed whose first output is `output`: all steps up to it can be undone.
constexpr std::uint64_t seed_for(std::uint64_t output) {
  return unmix64(unmix64(std::rotr(output * inverse(9), 7) * inverse(5)));
}

TEST(Mix64, IsSplitMix64) {
  // The known outputs of SplitMix64 for the seeds 0 and 1234567; its state grows by kGamma per output.
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix64(kGamma), 0x6e789e6aa1b965f4ULL);
  EXPECT_EQ(mix64(2 * kGamma), 0x06c45d188009454fULL);
  const std::array<std::uint64_t, 5> outputs{6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                                             4593380528125082431ULL, 16408922859458223821ULL};
  for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(mix64(1234567 + i * kGamma), outputs[i]);
}

TEST(Mix64, IsABijection) {
  for (std::uint64_t x : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4711}, kGamma, kMax, kMax / 3}) {
    EXPECT_EQ(unmix64(mix64(x)), x);
    EXPECT_EQ(mix64(unmix64(x)), x);
  }
}

TEST(Random, ReferenceKnowsThePublishedOutputs) {
  Reference reference{{1, 2, 3, 4}};
  for (const std::uint64_t expected : {std::uint64_t{11520}, std::uint64_t{0}, std::uint64_t{1509978240},
                                       std::uint64_t{1215971899390074240}, std::uint64_t{1216172134540287360}}) {
    EXPECT_EQ(reference.next(), expected);
  }
}

TEST(Random, IsXoshiro256StarStar) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{42}, kMax}) {
    Random random(seed);
    Reference reference = reference_for(seed);
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(random(), reference.next()) << seed << " at " << i;
  }
}

TEST(Random, SameSeedSameNumbers) {
  Random one(5);
  Random two(5);
  Random other(6);
  int same = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto value = one();
    ASSERT_EQ(value, two());
    same += value == other() ? 1 : 0;
  }
  EXPECT_EQ(same, 0);
}

TEST(Random, IsConstexpr) {
  static_assert([] { return Random(1)() == Random(1)(); }());
  static_assert(Random::min() == 0 && Random::max() == kMax);
  static_assert(std::uniform_random_bit_generator<Random>);
}

TEST(Random, BelowStaysBelow) {
  Random random(1);
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{100},
                                    (std::uint64_t{1} << 32) + 1, std::uint64_t{1} << 63, kMax}) {
    for (int i = 0; i < 2'000; ++i) ASSERT_LT(random.below(bound), bound);
  }
}

TEST(Random, BelowReachesBothEnds) {
  ASSERT_EQ(Random(seed_for(0))(), 0U);
  ASSERT_EQ(Random(seed_for(kMax))(), kMax);
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1000}, std::uint64_t{1} << 63}) {
    EXPECT_EQ(Random(seed_for(0)).below(bound), 0U);
    EXPECT_EQ(Random(seed_for(kMax)).below(bound), bound - 1);
  }
}

TEST(Random, BelowIsUniform) {
  constexpr std::uint64_t kBound = 10;
  constexpr int kDraws = 100'000;
  std::array<int, kBound> seen{};
  Random random(3);
  for (int i = 0; i < kDraws; ++i) ++seen[random.below(kBound)];
  double chi_square = 0;
  for (const int n : seen) chi_square += std::pow(n - kDraws / 10.0, 2) / (kDraws / 10.0);
  EXPECT_LT(chi_square, 30);  // 9 degrees of freedom: exceeded once in 2000
}

TEST(Random, UnitIsUniformAndInside) {
  Random random(9);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.unit();
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.005);
}

TEST(Random, UnitIsNeverZero) {
  EXPECT_GT(Random(seed_for(0)).unit(), 0);
}

// (2^53 - 1) + 0.5 has no double of its own and is rounded up to 2^53.
TEST(Random, UnitIsNeverOne) {
  EXPECT_LT(Random(seed_for(kMax)).unit(), 1);
}

TEST(Random, WorksWithDistributions) {
  Random random(2);
  std::uniform_int_distribution<int> dice(1, 6);
  for (int i = 0; i < 1'000; ++i) {
    const int eyes = dice(random);
    ASSERT_GE(eyes, 1);
    ASSERT_LE(eyes, 6);
  }
}

}  // namespace
}  // namespace spliced::util
