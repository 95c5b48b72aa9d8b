// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/snapshot.h"

#include <gtest/gtest.h>

namespace spliced::job {
namespace {

TEST(Summarize, AnEmptyHistogramIsAllZero) {
  const run::LatencySummary summary = run::summarize({});
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
  const run::LatencySummary summary = run::summarize(histogram);
  EXPECT_NEAR(summary.mean, 0.5005, 0.0001);
  EXPECT_NEAR(summary.p50, 0.5, 0.01);
  EXPECT_NEAR(summary.p90, 0.9, 0.01);
  EXPECT_NEAR(summary.p99, 0.99, 0.01);
  EXPECT_NEAR(summary.p999, 0.999, 0.01);
  EXPECT_DOUBLE_EQ(summary.max, 1.0);
}

TEST(PlanReport, IsAcceptedOnlyWithoutAnyObjection) {
  PlanReport report;
  report.targets.resize(2);
  EXPECT_TRUE(report.accepted());
  report.targets[1].refusals.push_back({"is busy"});
  EXPECT_FALSE(report.accepted());
  report.targets[1].refusals.clear();
  report.targets[0].errors.push_back({"/workload/bs", "odd"});
  EXPECT_FALSE(report.accepted());
  report.targets[0].errors.clear();
  report.errors.push_back({"/targets", "none"});
  EXPECT_FALSE(report.accepted());
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
}  // namespace spliced::job
