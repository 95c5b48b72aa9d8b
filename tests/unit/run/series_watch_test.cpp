// SPDX-License-Identifier: Apache-2.0
#include "run/series_watch.h"

#include <gtest/gtest.h>

namespace spliced::run {
namespace {

using util::kSecond;

struct SeriesWatchTest : ::testing::Test {
  // All that was counted, with so much more.
  const DeviceTotals& moved(std::uint64_t bytes, std::uint64_t operations = 1) {
    totals.ops[0].bytes += bytes;
    totals.ops[0].operations += operations;
    totals.ops[0].latency.add(workload::buckets::index_of(1'000'000), operations);
    totals.ops[0].latency.add_sums(operations * 1'000'000, 1'000'000);
    return totals;
  }
  std::vector<figures::SeriesPoint> points() { return watch.over_time().series.points(); }
  const util::WallTime wall{std::chrono::seconds(1'700'000'000)};
  DeviceTotals totals;
  SeriesWatch watch;
};

TEST_F(SeriesWatchTest, APointASecond) {
  watch.begin(100 * kSecond, wall, {});
  EXPECT_EQ(101 * kSecond, watch.next());
  watch.look(101 * kSecond, moved(1000, 4), {});
  watch.look(102 * kSecond, moved(3000, 2), {});
  ASSERT_EQ(2U, points().size());
  EXPECT_EQ(0, points()[0].start);
  EXPECT_NEAR(1000, points()[0].ops[0].bytes, 1);
  EXPECT_NEAR(4, points()[0].ops[0].operations, 0.01);
  EXPECT_EQ(1, points()[1].start);
  EXPECT_NEAR(3000, points()[1].ops[0].bytes, 3);
  EXPECT_NEAR(1e6, points()[1].ops[0].p99, 3e4);
  EXPECT_EQ(wall, watch.over_time().began);
}

// A look that comes late is of a longer time; the next one is not made up for.
TEST_F(SeriesWatchTest, ALateLookIsOfALongerTime) {
  watch.begin(0, wall, {});
  watch.look(4 * kSecond, moved(4000), {});
  ASSERT_EQ(1U, points().size());
  EXPECT_NEAR(4, points()[0].length, 0.01);
  EXPECT_NEAR(1000, points()[0].ops[0].bytes, 1);
  EXPECT_GE(watch.next(), 4 * kSecond + kSecond / 2);
}

TEST_F(SeriesWatchTest, APauseIsAGap) {
  watch.begin(0, wall, {});
  watch.look(kSecond, moved(1000), {});
  watch.look(2 * kSecond, totals, {kSecond, 0, false, {}});                    // all of it paused
  watch.look(3 * kSecond, moved(500), {kSecond + kSecond / 2, 0, false, {}});  // half of it
  ASSERT_EQ(2U, points().size());
  EXPECT_EQ(2, points()[1].start);
  EXPECT_NEAR(0.5, points()[1].length, 0.01);
  EXPECT_NEAR(1000, points()[1].ops[0].bytes, 1);
  EXPECT_EQ(figures::SeriesPoint::kPaused, points()[1].marks);
}

TEST_F(SeriesWatchTest, ErrorsOfAGapAreWithTheNextPoint) {
  watch.begin(0, wall, {});
  totals.ops[0].errors[0] = 2;
  watch.look(kSecond, totals, {0, 0, true, {}});
  EXPECT_TRUE(points().empty());
  watch.look(2 * kSecond, totals, {});
  ASSERT_EQ(1U, points().size());
  EXPECT_NEAR(2, points()[0].errors, 0.01);
}

// Of a time in which the daemon did not run nobody knows how long the I/O took.
TEST_F(SeriesWatchTest, LostTimeIsAGap) {
  watch.begin(0, wall, {});
  watch.look(kSecond, moved(1000), {});
  watch.look(10 * kSecond, moved(1000), {0, 0, true, {}});
  watch.look(11 * kSecond, moved(700), {});
  ASSERT_EQ(2U, points().size());
  EXPECT_EQ(10, points()[1].start);
  EXPECT_NEAR(700, points()[1].ops[0].bytes, 1);
}

TEST_F(SeriesWatchTest, ErrorsRampAndTemperature) {
  watch.begin(0, wall, {});
  totals.ops[1].errors[0] = 3;
  watch.look(kSecond, totals, {0, kSecond / 2, false, 41});
  ASSERT_EQ(1U, points().size());
  EXPECT_NEAR(3, points()[0].errors, 0.01);
  EXPECT_EQ(figures::SeriesPoint::kRamp, points()[0].marks);
  EXPECT_EQ(41, points()[0].temperature);
}

TEST_F(SeriesWatchTest, TheEndOfASecondCountsIfItTellsARate) {
  watch.begin(0, wall, {});
  watch.look(kSecond, moved(1000), {});
  watch.finish(kSecond + kSecond / 100, moved(1000), {});
  EXPECT_EQ(1U, points().size());
  watch.finish(kSecond + kSecond / 2, moved(1000), {});
  EXPECT_EQ(2U, points().size());
}

TEST_F(SeriesWatchTest, AShortJobHasAPoint) {
  watch.begin(0, wall, {});
  watch.finish(kSecond / 1000, moved(1000), {});
  ASSERT_EQ(1U, points().size());
  EXPECT_NEAR(1e6, points()[0].ops[0].bytes, 1e3);
}

TEST_F(SeriesWatchTest, GoesOnAfterARestart) {
  watch.begin(0, wall, {});
  for (int i = 1; i <= 5; ++i) watch.look(i * kSecond, moved(1000), {});
  SeriesWatch after;
  after.resume(watch.over_time());
  after.begin(1'000 * kSecond, wall + std::chrono::seconds(60), {0, 5 * kSecond, false, {}});
  DeviceTotals anew;
  anew.ops[0].bytes = 500;
  after.look(1'001 * kSecond, anew, {0, 5 * kSecond, false, {}});
  const auto all = after.over_time().series.points();
  ASSERT_EQ(6U, all.size());
  EXPECT_EQ(60, all[5].start);
  EXPECT_NEAR(500, all[5].ops[0].bytes, 1);
  EXPECT_EQ(0, all[5].marks) << "the ramp was before";
  // The clock on the wall went back.
  SeriesWatch earlier;
  earlier.resume(watch.over_time());
  earlier.begin(0, wall - std::chrono::seconds(60), {});
  earlier.look(kSecond, anew, {});
  EXPECT_EQ(5, earlier.over_time().series.points().at(5).start);
  // Or decades ahead: the host had no clock before.
  SeriesWatch later;
  later.resume(watch.over_time());
  later.begin(0, wall + std::chrono::hours(24 * 365 * 50), {});
  later.look(kSecond, anew, {});
  EXPECT_EQ(5, later.over_time().series.points().at(5).start);
}

// Once a minute, later each fiftieth of the time: a week is some hundred writes an hour at first, and few at the end.
TEST_F(SeriesWatchTest, IsStoredAtAPaceOfItsOwn) {
  watch.begin(0, wall, {});
  EXPECT_FALSE(watch.is_due(59 * kSecond));
  EXPECT_TRUE(watch.is_due(60 * kSecond));
  EXPECT_FALSE(watch.is_due(61 * kSecond));
  EXPECT_TRUE(watch.is_due(100'000 * kSecond));
  EXPECT_FALSE(watch.is_due(101'999 * kSecond));
  EXPECT_TRUE(watch.is_due(102'100 * kSecond));
}

}  // namespace
}  // namespace spliced::run
