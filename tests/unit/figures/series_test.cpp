// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/series.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spliced::figures {
namespace {

SeriesPoint second(double start, double mib, double longest = 1e6) {
  SeriesPoint out;
  out.start = start;
  out.length = 1;
  const double bytes = mib * 1048576;
  out.ops[0] = {bytes, bytes, bytes, mib, mib, mib, 1e5, 5e5, longest};
  return out;
}

TEST(Log16, KeepsAMagnitudeToAThousandth) {
  for (const double value : {1.0, 3.0, 999.0, 123456.0, 7.5e9, 4.4e12, 9e18}) {
    EXPECT_NEAR(value, Log16(value).value(), value / 2'000) << value;
  }
  EXPECT_EQ(0, Log16(0).value());
  EXPECT_EQ(0, Log16(-1).value());
  EXPECT_EQ(1, Log16(0.5).value());
  EXPECT_EQ(Log16(1e30), Log16(1e25));
}

TEST(Series, HasAPointASecondUntilThereAreTooMany) {
  Series series;
  for (int i = 0; i < 1'999; ++i) series.add(second(i, 100));
  EXPECT_EQ(1'999U, series.size());
  EXPECT_EQ(1U, series.resolution());
  series.add(second(1'999, 100));
  EXPECT_EQ(1'000U, series.size());
  EXPECT_EQ(2U, series.resolution());
}

TEST(Series, AWeekFitsAndAShortStallDoesNotVanish) {
  Series series;
  constexpr int kWeek = 7 * 86'400;
  for (int i = 0; i < kWeek; ++i) series.add(i == 300'000 ? second(i, 0, 9e9) : second(i, 100));
  const auto points = series.points();
  EXPECT_LE(points.size(), Series::kMost);
  EXPECT_GE(points.size(), Series::kMost / 2 - 1);
  EXPECT_EQ(0, std::min_element(points.begin(), points.end(),
                                [](auto& a, auto& b) { return a.ops[0].bytes_low < b.ops[0].bytes_low; })
                   ->ops[0]
                   .bytes_low);
  double seconds = 0, bytes = 0, longest = 0;
  for (const auto& point : points) {
    seconds += point.length;
    bytes += point.ops[0].bytes * point.length;
    longest = std::max(longest, point.ops[0].longest);
  }
  EXPECT_NEAR(kWeek, seconds, kWeek / 200.0);
  EXPECT_NEAR(100.0 * 1048576 * kWeek, bytes, bytes / 200);
  EXPECT_NEAR(9e9, longest, 1e7);
  EXPECT_LE(series.memory(), 120'000U);
}

TEST(Series, TwoPointsBecomeOne) {
  SeriesPoint a = second(10, 100), b = second(11, 300);
  b.length = 3;
  a.temperature = 40;
  b.marks = SeriesPoint::kPaused;
  a.errors = 2;
  const SeriesPoint both = merge(a, b);
  EXPECT_EQ(10, both.start);
  EXPECT_EQ(4, both.length);
  EXPECT_DOUBLE_EQ(250.0 * 1048576, both.ops[0].bytes);
  EXPECT_DOUBLE_EQ(100.0 * 1048576, both.ops[0].bytes_low);
  EXPECT_DOUBLE_EQ(300.0 * 1048576, both.ops[0].bytes_high);
  EXPECT_EQ(40, both.temperature);
  EXPECT_EQ(2, both.errors);
  EXPECT_EQ(SeriesPoint::kPaused, both.marks);
}

TEST(Series, GoesOnAfterARestart) {
  Series before;
  for (int i = 0; i < 3'001; ++i) {
    SeriesPoint point = second(i, 100);
    if (i > 1'000) point.ops[1] = point.ops[0];
    if (i == 2'000) point.temperature = 41;
    before.add(point);
  }
  auto after = Series::unpack(before.pack());
  ASSERT_TRUE(after);
  EXPECT_EQ(before.points().size(), after->points().size());
  EXPECT_EQ(before.resolution(), after->resolution());
  EXPECT_NEAR(2'998, after->points()[1'499].start, 1);
  EXPECT_EQ(41, after->points()[1'000].temperature);
  EXPECT_EQ(0, after->points()[10].ops[1].bytes);
  EXPECT_EQ(before.points()[1'200].ops[1].bytes, after->points()[1'200].ops[1].bytes);
  EXPECT_EQ(before.pack(), after->pack());
  for (int i = 0; i < 2'000; ++i) after->add(second(3'001 + i, 100));
  EXPECT_LE(after->size(), Series::kMost);
}

TEST(Series, DamagedBytesAreNone) {
  Series series;
  for (int i = 0; i < 10; ++i) series.add(second(i, 100));
  const std::string bytes = series.pack();
  ASSERT_TRUE(Series::unpack(bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(Series::unpack(bytes.substr(0, i))) << i;
  EXPECT_FALSE(Series::unpack(bytes + "x"));
  std::string other = bytes;
  other[0] = 9;
  EXPECT_FALSE(Series::unpack(other));
}

TEST(HistogramMark, TellsOnlyWhatWasAddedSince) {
  workload::Histogram all;
  HistogramMark mark;
  for (int i = 0; i < 100; ++i) all.add(workload::buckets::index_of(1'000), 1);
  all.add_sums(100'000, 1'000);
  auto since = mark.advance(all);
  EXPECT_EQ(100U, since.count);
  EXPECT_NEAR(1'000, since.p50, 10);
  all.add(workload::buckets::index_of(1'000'000), 98);
  all.add(workload::buckets::index_of(5'000'000), 2);
  all.add_sums(0, 5'001'000);
  since = mark.advance(all);
  EXPECT_EQ(100U, since.count);
  EXPECT_NEAR(1e6, since.p50, 1e4);
  EXPECT_NEAR(5e6, since.p99, 5e4);
  EXPECT_EQ(5'001'000, since.longest);
  EXPECT_EQ(0U, mark.advance(all).count);
}

}  // namespace
}  // namespace spliced::figures
