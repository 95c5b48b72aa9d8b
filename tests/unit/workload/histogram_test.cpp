// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

constexpr std::uint64_t kTop = std::uint64_t{1} << buckets::kMaxBits;

double seconds(std::uint64_t nanos) {
  return static_cast<double>(nanos) / 1e9;
}

// Values all over the range: the edges of each power of two and random ones between them.
std::vector<std::uint64_t> spread() {
  std::vector<std::uint64_t> out;
  util::Random random(1);
  for (unsigned bits = 0; bits < buckets::kMaxBits; ++bits) {
    const std::uint64_t low = std::uint64_t{1} << bits;
    for (const std::uint64_t edge : {low - 1, low, low + 1, low + low / 2}) out.push_back(edge);
    for (int i = 0; i < 200; ++i) out.push_back(low + random.below(low));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Histogram of(const std::vector<std::uint64_t>& values) {
  LiveHistogram live;
  for (const auto value : values) live.record(static_cast<util::Nanos>(value));
  Histogram out;
  live.add_to(out);
  return out;
}

TEST(Buckets, AreExactBelow128) {
  for (std::uint64_t value = 0; value < 128; ++value) {
    EXPECT_EQ(buckets::index_of(value), value);
    EXPECT_EQ(buckets::value_of(value), value);
  }
}

TEST(Buckets, KnowEveryValueToWithinOnePercent) {
  for (const auto value : spread()) {
    const auto middle = static_cast<double>(buckets::value_of(buckets::index_of(value)));
    const auto exact = static_cast<double>(value);
    ASSERT_LE(std::abs(middle - exact), exact / 128) << value;
  }
}

TEST(Buckets, GrowWithTheValue) {
  std::size_t last = 0;
  for (std::uint64_t value = 0; value < 100'000; ++value) {
    const std::size_t index = buckets::index_of(value);
    ASSERT_TRUE(index == last || index == last + 1) << value;
    last = index;
  }
  last = 0;
  for (const auto value : spread()) {
    const std::size_t index = buckets::index_of(value);
    ASSERT_GE(index, last) << value;
    last = index;
  }
}

TEST(Buckets, EachHoldsItsOwnMiddle) {
  for (std::size_t index = 0; index < buckets::kCount; ++index) {
    ASSERT_EQ(buckets::index_of(buckets::value_of(index)), index);
    if (index > 0) {
      ASSERT_GT(buckets::value_of(index), buckets::value_of(index - 1));
    }
  }
}

TEST(Buckets, LastOneTakesWhatIsLonger) {
  EXPECT_EQ(buckets::index_of(kTop - 1), buckets::kCount - 1);
  for (const std::uint64_t value :
       {kTop, kTop + 1, std::uint64_t{1} << 62, std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(buckets::index_of(value), buckets::kCount - 1);
  }
}

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.sum_seconds(), 0);
  EXPECT_EQ(histogram.max_seconds(), 0);
  EXPECT_EQ(histogram.mean_seconds(), 0);
  for (const double q : {0.0, 0.5, 1.0}) EXPECT_EQ(histogram.quantile_seconds(q), 0);
  EXPECT_EQ(histogram.cumulative({0.001, 1}), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_TRUE(histogram.cumulative({}).empty());
}

TEST(Histogram, OneValueIsEveryQuantile) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127}, std::uint64_t{128},
                                    std::uint64_t{1'000'000}, kTop - 1}) {
    const Histogram histogram = of({value});
    EXPECT_EQ(histogram.count(), 1U);
    EXPECT_DOUBLE_EQ(histogram.sum_seconds(), seconds(value));
    EXPECT_DOUBLE_EQ(histogram.mean_seconds(), seconds(value));
    EXPECT_DOUBLE_EQ(histogram.max_seconds(), seconds(value));
    for (const double q : {0.0, 0.5, 0.999, 1.0}) {
      EXPECT_NEAR(histogram.quantile_seconds(q), seconds(value), seconds(value) / 128);
      EXPECT_LE(histogram.quantile_seconds(q), histogram.max_seconds());
    }
  }
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValues) {
  for (const std::size_t count : {2U, 9U, 10U, 100U, 1000U, 9999U}) {
    util::Random random(count);
    std::vector<std::uint64_t> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(random() >> (22 + random.below(40)));
    const Histogram histogram = of(values);
    std::sort(values.begin(), values.end());
    for (const std::size_t mille : {0U, 1U, 10U, 250U, 500U, 900U, 950U, 990U, 999U, 1000U}) {
      const std::size_t rank = std::max<std::size_t>(1, (mille * count + 999) / 1000);
      const double exact = seconds(values[rank - 1]);
      ASSERT_NEAR(histogram.quantile_seconds(static_cast<double>(mille) / 1000), exact, exact / 128 + 1e-15)
          << mille << " of " << count;
    }
  }
}

TEST(Histogram, QuantilesGrow) {
  const Histogram histogram = of(spread());
  double last = 0;
  for (int i = 0; i <= 1000; ++i) {
    const double value = histogram.quantile_seconds(i / 1000.0);
    ASSERT_GE(value, last);
    ASSERT_LE(value, histogram.max_seconds());
    last = value;
  }
}

TEST(Histogram, MaximumAndSumAreExact) {
  const Histogram histogram = of({5, 1'000'003, 17, 999'999});
  EXPECT_DOUBLE_EQ(histogram.max_seconds(), seconds(1'000'003));
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), seconds(5 + 1'000'003 + 17 + 999'999));
  EXPECT_DOUBLE_EQ(histogram.mean_seconds(), seconds(5 + 1'000'003 + 17 + 999'999) / 4);
}

TEST(Histogram, VeryLongValuesCountAndKeepTheirMaximum) {
  const std::uint64_t day = 86'400ULL * 1'000'000'000;
  const Histogram histogram = of({1'000, kTop, day});
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_DOUBLE_EQ(histogram.max_seconds(), 86'400);
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), seconds(1'000 + kTop + day));
  EXPECT_NEAR(histogram.quantile_seconds(1), seconds(kTop), seconds(kTop) / 64);
  EXPECT_EQ(histogram.cumulative({1, std::numeric_limits<double>::infinity()}), (std::vector<std::uint64_t>{1, 3}));
}

TEST(Histogram, NegativeTimesCountAsZero) {
  LiveHistogram live;
  for (const util::Nanos nanos : {util::Nanos{-1}, std::numeric_limits<util::Nanos>::min()}) live.record(nanos);
  Histogram histogram;
  live.add_to(histogram);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.sum_seconds(), 0);
  EXPECT_EQ(histogram.cumulative({0}), (std::vector<std::uint64_t>{2}));
}

TEST(Histogram, MergeIsThatOfAllValues) {
  const auto all = spread();
  std::vector<std::uint64_t> odd;
  std::vector<std::uint64_t> even;
  for (std::size_t i = 0; i < all.size(); ++i) (i % 2 == 0 ? even : odd).push_back(all[i]);
  const Histogram whole = of(all);
  for (const bool swap : {false, true}) {
    Histogram merged = of(swap ? odd : even);
    merged.merge(of(swap ? even : odd));
    merged.merge(Histogram());
    EXPECT_EQ(merged.count(), whole.count());
    EXPECT_DOUBLE_EQ(merged.sum_seconds(), whole.sum_seconds());
    EXPECT_DOUBLE_EQ(merged.max_seconds(), whole.max_seconds());
    for (int i = 0; i <= 100; ++i) EXPECT_EQ(merged.quantile_seconds(i / 100.0), whole.quantile_seconds(i / 100.0));
  }
}

TEST(Histogram, MergeIntoAnEmptyOneCopies) {
  Histogram merged;
  merged.merge(of({1, 2, 300}));
  EXPECT_EQ(merged.count(), 3U);
  EXPECT_DOUBLE_EQ(merged.max_seconds(), seconds(300));
}

TEST(Histogram, CumulativeGrowsToTheCount) {
  const auto values = spread();
  const Histogram histogram = of(values);
  std::vector<double> bounds;
  for (double bound = 1e-9; bound < 1e4; bound *= 1.3) bounds.push_back(bound);
  const auto counts = histogram.cumulative(bounds);
  ASSERT_EQ(counts.size(), bounds.size());
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (i > 0) {
      ASSERT_GE(counts[i], counts[i - 1]);
    }
    const auto up_to = [&](double bound) {
      return static_cast<std::uint64_t>(std::count_if(
          values.begin(), values.end(), [&](std::uint64_t value) { return static_cast<double>(value) <= bound; }));
    };
    // Values are whole nanoseconds, and so are the bounds.
    const double nanos = std::round(bounds[i] * 1e9);
    ASSERT_GE(counts[i], up_to(nanos * (1 - 1.0 / 64))) << bounds[i];
    ASSERT_LE(counts[i], up_to(nanos * (1 + 1.0 / 64))) << bounds[i];
  }
  EXPECT_EQ(counts.back(), histogram.count());
}

TEST(Histogram, CumulativeCountsTheBoundItself) {
  const Histogram histogram = of({0, 1, 10, 100, 100});
  EXPECT_EQ(histogram.cumulative({0, 1e-9, 9e-9, 10e-9, 99e-9, 100e-9}),
            (std::vector<std::uint64_t>{1, 2, 2, 3, 3, 5}));
}

// 15e-9 * 1e9 is a little less than 15.
TEST(Histogram, CumulativeCountsEveryExactBound) {
  for (std::uint64_t value = 0; value < 128; ++value) {
    EXPECT_EQ(of({value}).cumulative({seconds(value)}), (std::vector<std::uint64_t>{1})) << value;
  }
}

TEST(LiveHistogram, AddsToWhatIsThere) {
  LiveHistogram one;
  LiveHistogram two;
  one.record(100);
  two.record(200);
  Histogram sum;
  one.add_to(sum);
  two.add_to(sum);
  EXPECT_EQ(sum.count(), 2U);
  EXPECT_DOUBLE_EQ(sum.sum_seconds(), seconds(300));
  EXPECT_DOUBLE_EQ(sum.max_seconds(), seconds(200));
}

TEST(LiveHistogram, CanBeReadWhileItIsWritten) {
  constexpr std::uint64_t kRecords = 50'000;
  LiveHistogram live;
  std::jthread writer([&] {
    for (std::uint64_t i = 0; i < kRecords; ++i) live.record(static_cast<util::Nanos>(i));
  });
  std::uint64_t last = 0;
  double last_sum = 0;
  while (last < kRecords) {
    Histogram copy;
    live.add_to(copy);
    ASSERT_GE(copy.count(), last);
    ASSERT_LE(copy.count(), kRecords);
    ASSERT_GE(copy.sum_seconds(), last_sum);
    ASSERT_LE(copy.max_seconds(), seconds(kRecords - 1));
    last = copy.count();
    last_sum = copy.sum_seconds();
  }
  writer.join();
  Histogram end;
  live.add_to(end);
  EXPECT_DOUBLE_EQ(end.sum_seconds(), seconds(kRecords * (kRecords - 1) / 2));
  EXPECT_DOUBLE_EQ(end.max_seconds(), seconds(kRecords - 1));
}

}  // namespace
}  // namespace spliced::workload
