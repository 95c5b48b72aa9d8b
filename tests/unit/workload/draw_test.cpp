// SPDX-License-Identifier: Apache-2.0
#include "workload/draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "drain.h"

namespace spliced::workload {
namespace {

using Kind = Distribution::Kind;

constexpr int kDraws = 40'000;

std::vector<std::uint64_t> draws(const Distribution& distribution, std::uint64_t count, std::uint64_t seed = 1) {
  const Draw draw(distribution, count, 1);
  util::KeyedRandom random(seed);
  std::vector<std::uint64_t> out;
  for (int i = 0; i < kDraws; ++i) out.push_back(draw(random));
  return out;
}

std::vector<int> counts_of(const std::vector<std::uint64_t>& blocks) {
  std::vector<int> out(*std::max_element(blocks.begin(), blocks.end()) + 1);
  for (const auto block : blocks) ++out[block];
  return out;
}

// How often each block was drawn, the most frequent first.
std::vector<int> by_frequency(const std::vector<std::uint64_t>& blocks) {
  std::vector<int> out = counts_of(blocks);
  std::sort(out.rbegin(), out.rend());
  return out;
}

double zipf_sum(std::uint64_t count, double theta) {
  double sum = 0;
  for (std::uint64_t k = count; k >= 1; --k) sum += std::pow(static_cast<double>(k), -theta);
  return sum;
}

// The frequency of a rank that is expected with probability p, within five standard deviations.
void expect_frequency(int seen, double p, double rank, double theta) {
  const double expected = kDraws * p;
  EXPECT_NEAR(seen, expected, 5 * std::sqrt(expected * (1 - p)) + 1) << "rank " << rank << " theta " << theta;
}

TEST(Zipf, RanksFollowTheLaw) {
  for (const double theta : {0.2, 0.8, 0.99, 1.0, 1.0000001, 1.2, 2.5}) {
    for (const std::uint64_t count : {std::uint64_t{2}, std::uint64_t{10}, std::uint64_t{10'000}}) {
      const Zipf zipf(count, theta);
      util::KeyedRandom random(17);
      std::vector<int> seen(count);
      for (int i = 0; i < kDraws; ++i) ++seen.at(zipf(random));
      const double sum = zipf_sum(count, theta);
      for (std::size_t k = 0; k < std::min<std::size_t>(count, 20); ++k) {
        const auto rank = static_cast<double>(k + 1);
        expect_frequency(seen[k], std::pow(rank, -theta) / sum, rank, theta);
      }
    }
  }
}

TEST(Zipf, TheTailFollowsTheLaw) {
  constexpr std::uint64_t kCount = 10'000;
  for (const double theta : {0.8, 1.0, 1.2}) {
    const Zipf zipf(kCount, theta);
    util::KeyedRandom random(4);
    int tail = 0;
    for (int i = 0; i < kDraws; ++i) tail += zipf(random) >= kCount / 2 ? 1 : 0;
    expect_frequency(tail, 1 - zipf_sum(kCount / 2, theta) / zipf_sum(kCount, theta), 0, theta);
  }
}

TEST(Zipf, StaysInRangeAtTheExtremes) {
  for (const double theta : {1e-9, 0.5, 1.0, 3.0, 100.0}) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 45}) {
      const Zipf zipf(count, theta);
      util::KeyedRandom random(6);
      for (int i = 0; i < 2'000; ++i) ASSERT_LT(zipf(random), count) << theta;
    }
  }
}

TEST(Draw, ZipfBlocksHaveTheFrequenciesOfTheirRanks) {
  constexpr std::uint64_t kCount = 1'000;
  for (const double theta : {0.8, 1.0, 1.2}) {
    const auto seen = by_frequency(draws({Kind::zipf, theta}, kCount));
    const double sum = zipf_sum(kCount, theta);
    for (std::size_t k = 0; k < 3; ++k) {
      const auto rank = static_cast<double>(k + 1);
      expect_frequency(seen[k], std::pow(rank, -theta) / sum, rank, theta);
    }
  }
}

TEST(Draw, HotBlocksAreScattered) {
  constexpr std::uint64_t kCount = 100'000;
  for (const Distribution& distribution : {Distribution{Kind::zipf, 1.0}, Distribution{Kind::pareto, 0.2}}) {
    const auto counts = counts_of(draws(distribution, kCount));
    std::vector<std::pair<int, std::uint64_t>> hot;
    for (std::size_t block = 0; block < counts.size(); ++block) hot.emplace_back(counts[block], block);
    std::partial_sort(hot.begin(), hot.begin() + 100, hot.end(), std::greater<>());
    int lower_half = 0;
    for (std::size_t i = 0; i < 100; ++i) lower_half += hot[i].second < kCount / 2 ? 1 : 0;
    EXPECT_NEAR(lower_half, 50, 25);
  }
}

TEST(Draw, HotBlocksAreThoseOfEveryWorker) {
  const auto hottest = [](std::uint64_t seed) {
    const auto counts = counts_of(draws({Kind::zipf, 1.2}, 10'000, seed));
    return std::max_element(counts.begin(), counts.end()) - counts.begin();
  };
  EXPECT_EQ(hottest(1), hottest(2));
}

TEST(Draw, ParetoGivesTheShareToTheFew) {
  constexpr std::uint64_t kCount = 10'000;
  for (const double h : {0.1, 0.2, 0.3, 0.5}) {
    // Unscattering is not possible from outside, but the scattering is known: that of the seed.
    const Permutation scatter(kCount, 1);
    std::vector<std::uint64_t> rank_of(kCount);
    for (std::uint64_t rank = 0; rank < kCount; ++rank) rank_of[scatter(rank)] = rank;
    int few = 0;
    int fewest = 0;
    for (const auto block : draws({Kind::pareto, h}, kCount)) {
      const auto share = static_cast<double>(rank_of[block]) / kCount;
      few += share < h ? 1 : 0;
      fewest += share < h * h ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(few) / kDraws, 1 - h, 0.01) << h;
    EXPECT_NEAR(static_cast<double>(fewest) / kDraws, (1 - h) * (1 - h), 0.01) << h << ": similar to itself";
  }
}

TEST(Draw, NormalHasItsMeanAndSigma) {
  constexpr std::uint64_t kCount = 100'000;
  for (const double sigma : {0.5, 2.0, 10.0}) {
    double sum = 0;
    double squares = 0;
    for (const auto block : draws({Kind::normal, sigma}, kCount)) {
      const double x = (static_cast<double>(block) + 0.5) / kCount * 100 - 50;
      sum += x;
      squares += x * x;
    }
    const double mean = sum / kDraws;
    EXPECT_NEAR(mean, 0, 5 * sigma / std::sqrt(kDraws));
    EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), sigma, sigma * 0.02);
  }
}

TEST(Draw, WideNormalIsCutAtTheEnds) {
  constexpr std::uint64_t kCount = 1'000;
  int lower = 0;
  for (const auto block : draws({Kind::normal, 100}, kCount)) {
    ASSERT_LT(block, kCount);
    lower += block < kCount / 2 ? 1 : 0;
  }
  EXPECT_NEAR(lower, kDraws / 2.0, 5 * std::sqrt(kDraws / 4.0));
}

TEST(Draw, UniformIsUniform) {
  std::vector<int> seen(100);
  for (const auto block : draws({Kind::uniform, 0}, 100)) ++seen.at(block);
  for (const int n : seen) EXPECT_NEAR(n, kDraws / 100, 5 * std::sqrt(kDraws / 100.0));
}

TEST(Draw, StaysInRange) {
  for (const Distribution& distribution :
       {Distribution{Kind::uniform, 0}, Distribution{Kind::zipf, 0.8}, Distribution{Kind::zipf, 1},
        Distribution{Kind::zipf, 100}, Distribution{Kind::pareto, 1e-6}, Distribution{Kind::pareto, 0.2},
        Distribution{Kind::pareto, 0.999}, Distribution{Kind::normal, 1e-6}, Distribution{Kind::normal, 100}}) {
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 50}) {
      const Draw draw(distribution, count, 1);
      util::KeyedRandom random(3);
      for (int i = 0; i < 500; ++i) ASSERT_LT(draw(random), count);
    }
  }
}

}  // namespace
}  // namespace spliced::workload
