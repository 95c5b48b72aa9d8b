// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

std::vector<std::uint64_t> all_of(std::uint64_t count, std::uint64_t seed) {
  const Permutation permutation(count, seed);
  std::vector<std::uint64_t> out;
  out.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(permutation(i));
  return out;
}

bool is_bijection(const std::vector<std::uint64_t>& values) {
  std::vector<char> seen(values.size());
  for (const auto value : values) {
    if (value >= values.size() || seen[value] != 0) return false;
    seen[value] = 1;
  }
  return true;
}

TEST(Permutation, IsABijectionForEverySmallCount) {
  for (std::uint64_t count = 1; count <= 2000; ++count) {
    ASSERT_TRUE(is_bijection(all_of(count, count * 7919))) << count;
  }
}

TEST(Permutation, IsABijectionForEverySeed) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    ASSERT_TRUE(is_bijection(all_of(257, seed))) << seed;
    ASSERT_TRUE(is_bijection(all_of(3, seed))) << seed;
  }
  ASSERT_TRUE(is_bijection(all_of(1000, ~std::uint64_t{0})));
}

TEST(Permutation, IsABijectionAroundPowersOfTwo) {
  for (const std::uint64_t power : {std::uint64_t{1} << 14, std::uint64_t{1} << 17}) {
    for (const std::uint64_t count : {power - 1, power, power + 1}) {
      ASSERT_TRUE(is_bijection(all_of(count, 5))) << count;
    }
  }
}

TEST(Permutation, LargeCountsStayInRangeAndNeverRepeat) {
  for (const std::uint64_t count : {(std::uint64_t{1} << 32) - 1, std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1,
                                    std::uint64_t{7'814'037'168}, (std::uint64_t{1} << 52) + 12345,
                                    (std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    const Permutation permutation(count, 3);
    std::vector<std::uint64_t> images;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
      for (const std::uint64_t index : {i, count - 1 - i, count / 2 + i}) images.push_back(permutation(index));
    }
    std::sort(images.begin(), images.end());
    EXPECT_LT(images.back(), count);
    EXPECT_EQ(std::adjacent_find(images.begin(), images.end()), images.end()) << count;
  }
}

TEST(Permutation, KnowsItsInverse) {
  for (std::uint64_t count = 1; count <= 600; ++count) {
    const Permutation permutation(count, count + 3);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(permutation.index_of(permutation(i)), i) << count;
  }
  // 20 TB in blocks of 4 KiB, and the largest there is.
  for (const std::uint64_t count : {std::uint64_t{4'882'812'500}, (std::uint64_t{1} << 20) + 1, ~std::uint64_t{0}}) {
    const Permutation permutation(count, 11);
    util::Random random(count);
    for (int i = 0; i < 1'000'000; ++i) {
      const std::uint64_t index = random.below(count);
      ASSERT_EQ(permutation.index_of(permutation(index)), index);
    }
  }
}

// Each block is as likely to be the first as any other, and to be the last; so is each distance between the first two,
// where there are more than a few.
TEST(Permutation, AnySeedMayBeginAnywhere) {
  for (const std::uint64_t count : {std::uint64_t{8}, std::uint64_t{100}, std::uint64_t{1'000}}) {
    constexpr int kSeeds = 400'000;
    std::vector<int> first(count), last(count), step(count);
    for (int seed = 0; seed < kSeeds; ++seed) {
      const Permutation permutation(count, static_cast<std::uint64_t>(seed));
      const std::uint64_t begin = permutation(0);
      ++first[begin];
      ++last[permutation(count - 1)];
      ++step[(permutation(1) + count - begin) % count];
    }
    const auto expect_even = [](const std::vector<int>& seen, std::size_t from) {
      const double mean = static_cast<double>(kSeeds) / static_cast<double>(seen.size() - from);
      double chi_square = 0;
      for (std::size_t i = from; i < seen.size(); ++i) chi_square += (seen[i] - mean) * (seen[i] - mean) / mean;
      const auto freedom = static_cast<double>(seen.size() - from - 1);
      EXPECT_NEAR(chi_square, freedom, 5 * std::sqrt(2 * freedom)) << seen.size();
    };
    expect_even(first, 0);
    expect_even(last, 0);
    if (count >= 100) expect_even(step, 1);
  }
}

TEST(Permutation, OneBlockStaysWhereItIs) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) EXPECT_EQ(Permutation(1, seed)(0), 0U);
}

TEST(Permutation, DependsOnCountAndSeedAlone) {
  EXPECT_EQ(all_of(1000, 42), all_of(1000, 42));
}

TEST(Permutation, DiffersBySeed) {
  for (const std::uint64_t count : {std::uint64_t{100}, std::uint64_t{1000}, std::uint64_t{1024}}) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const auto one = all_of(count, seed);
      const auto two = all_of(count, seed + 1);
      ASSERT_NE(one, two) << count << " " << seed;
      std::uint64_t same = 0;
      for (std::size_t i = 0; i < count; ++i) same += one[i] == two[i] ? 1 : 0;
      ASSERT_LT(same, 12U) << "a random permutation has one such point on average";
    }
  }
}

TEST(Permutation, SmallCountsReachEveryOrder) {
  std::vector<std::vector<std::uint64_t>> orders;
  for (std::uint64_t seed = 0; seed < 500; ++seed) orders.push_back(all_of(3, seed));
  std::sort(orders.begin(), orders.end());
  orders.erase(std::unique(orders.begin(), orders.end()), orders.end());
  EXPECT_EQ(orders.size(), 6U);
}

TEST(Permutation, LooksRandom) {
  constexpr std::uint64_t kCount = 100'000;
  const auto values = all_of(kCount, 1);
  // Neighbours in the sequence are no neighbours on the disk: the mean distance of two random points is a third.
  double distance = 0;
  std::uint64_t next_to = 0;
  for (std::size_t i = 1; i < kCount; ++i) {
    const double step = std::abs(static_cast<double>(values[i]) - static_cast<double>(values[i - 1]));
    distance += step;
    next_to += step <= 1 ? 1 : 0;
  }
  EXPECT_NEAR(distance / static_cast<double>(kCount) / static_cast<double>(kCount), 1.0 / 3, 0.01);
  EXPECT_LT(next_to, 20U);
  // The first tenth of the sequence is spread evenly over ten tenths of the range.
  std::vector<int> tenths(10);
  for (std::size_t i = 0; i < kCount / 10; ++i) ++tenths[values[i] * 10 / kCount];
  for (const int n : tenths) EXPECT_NEAR(n, 1000, 150);
}

}  // namespace
}  // namespace spliced::workload
