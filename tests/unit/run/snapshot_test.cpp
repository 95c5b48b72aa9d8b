// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/snapshot.h"

#include <gtest/gtest.h>

namespace spliced::run {
namespace {

TEST(Summarize, AnEmptyHistogramIsAllZero) {
  const LatencySummary summary = summarize({});
  EXPECT_EQ(summary.mean, 0);
  EXPECT_EQ(summary.p50, 0);
  EXPECT_EQ(summary.p999, 0);
  EXPECT_EQ(summary.max, 0);
}

TEST(Summarize, IsInSecondsAndInOrder) {
  workload::LiveHistogram live;
  for (int i = 1; i <= 1000; ++i) live.record(i * 1'000'000);
  workload::Histogram histogram;
  live.add_to(histogram);
  const LatencySummary summary = summarize(histogram);
  EXPECT_NEAR(summary.mean, 0.5005, 0.0001);
  EXPECT_NEAR(summary.p50, 0.5, 0.01);
  EXPECT_NEAR(summary.p90, 0.9, 0.01);
  EXPECT_NEAR(summary.p99, 0.99, 0.01);
  EXPECT_NEAR(summary.p999, 0.999, 0.01);
  EXPECT_DOUBLE_EQ(summary.max, 1.0);
}

TEST(State, TheLastFourAreFinal) {
  EXPECT_FALSE(is_final(State::pending));
  EXPECT_FALSE(is_final(State::running));
  EXPECT_FALSE(is_final(State::stopping));
  for (const State state : {State::succeeded, State::failed, State::cancelled, State::interrupted}) {
    EXPECT_TRUE(is_final(state));
  }
  EXPECT_EQ(state_name(State::pending), "PENDING");
  EXPECT_EQ(state_name(State::interrupted), "INTERRUPTED");
}

}  // namespace
}  // namespace spliced::run
