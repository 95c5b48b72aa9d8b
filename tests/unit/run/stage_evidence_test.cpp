// SPDX-License-Identifier: Apache-2.0
#include "run/stage_evidence.h"

#include <gtest/gtest.h>

#include "spliced/workload/histogram.h"

namespace spliced::run {
namespace {

constexpr std::uint64_t kSize = 1 << 20;

struct One {
  StageSpec spec;
  StagePlan plan;
  DeviceTotals totals;

  explicit One(workload::Mode rw) {
    spec.what = StreamsSpec{};
    io().workload.rw = rw;
    plan.streams.push_back({{0, kSize, 4096}, {}});
  }
  IoSpec& io() { return std::get<StreamsSpec>(spec.what).streams.front().io; }
  OpTotals& reads() { return totals.ops[0]; }
  [[nodiscard]] StageEvidence evidence(bool done = true) const {
    return make_evidence(spec, plan, totals, 2 * util::kSecond, kSize, done);
  }
  void operations(std::uint64_t count, std::uint64_t nanos) {
    reads().latency.add(workload::buckets::index_of(nanos), count);
    reads().latency.add_sums(count * nanos, nanos);
    reads().operations += count;
  }
  StageMeasure measure(const LatencyLimit& limit, bool done = true) {
    spec.criteria.emplace().latency = {limit};
    return evidence(done).measures.at(0);
  }
};

TEST(StageEvidence, APercentileTakesTenOperationsBeyondIt) {
  const LatencyLimit p999{util::OpClass::read, "p99.9", 0.999, 1'000'000};
  EXPECT_EQ(10'000U, samples_needed(p999));
  EXPECT_EQ(10'000'000U, samples_needed({util::OpClass::read, "p99.9999", 0.999999, 1}));
  EXPECT_EQ(1U, samples_needed({util::OpClass::read, "max", LatencyLimit::kMax, 1}));
  One one(workload::Mode::read);
  one.operations(9'999, 5'000);
  EXPECT_FALSE(one.measure(p999).value);
  EXPECT_EQ("9999 operations of 10000 that it takes", one.measure(p999).missing);
  one.operations(1, 5'000);
  EXPECT_NEAR(5e-6, *one.measure(p999).value, 1e-7);
  EXPECT_FALSE(one.measure(p999, false).value) << "it goes on";
}

TEST(StageEvidence, AMaximumThatIsExceededIsKnownAtOnce) {
  const LatencyLimit max{util::OpClass::read, "max", LatencyLimit::kMax, 1'000'000};
  One one(workload::Mode::read);
  EXPECT_FALSE(one.measure(max).value) << "nothing was measured";
  one.operations(1, 900'000);
  EXPECT_FALSE(one.measure(max, false).value);
  EXPECT_TRUE(one.measure(max).value);
  one.operations(1, 2'000'000);
  EXPECT_NEAR(2e-3, *one.measure(max, false).value, 1e-9);
}

TEST(StageEvidence, ARateIsTheMeanOfAStageThatIsDone) {
  One one(workload::Mode::read);
  one.spec.criteria.emplace().min_rate = {{util::OpClass::read, 3'000'000}};
  one.spec.criteria->per_tb = true;
  EXPECT_FALSE(one.evidence().measures[0].value);
  one.reads().bytes = kSize;
  one.reads().operations = 256;
  EXPECT_EQ(kSize / 2.0, one.evidence().measures[0].value);
  EXPECT_DOUBLE_EQ(3e6 * kSize / 1e12, one.evidence().measures[0].limit);
  EXPECT_FALSE(one.evidence(false).measures[0].value);
  EXPECT_EQ(kSize / 2.0, one.evidence().rates[0]);
  one.io().workload.rate = 1'000'000;
  EXPECT_EQ(0, one.evidence().rates[0]) << "a pace is not how fast it is";
}

TEST(StageEvidence, WhatIsJudgedCountsOnceAndOfTheLastRound) {
  One one(workload::Mode::write);
  one.io().check.reads = CheckSpec::What::own;
  one.totals.verify.bytes = kSize;
  one.totals.verify.mismatched_bytes = 4096;
  EXPECT_EQ(kSize - 4096, one.evidence().judged_bytes);
  EXPECT_TRUE(one.evidence().changes);
  one.io().workload.loops = 2;
  EXPECT_EQ(0U, one.evidence().judged_bytes);
  one.totals.verify.bytes = 2 * kSize;
  EXPECT_EQ(kSize - 4096, one.evidence().judged_bytes);
  one.io().workload.rw = workload::Mode::randrw;
  EXPECT_EQ(0U, one.evidence().judged_bytes) << "which blocks, nobody knows";
}

TEST(StageEvidence, WhatIsReadCountsOnce) {
  One one(workload::Mode::read);
  one.io().workload.loops = 2;
  one.reads().bytes = kSize + kSize / 2;
  EXPECT_EQ(kSize / 2, one.evidence().visited_bytes);
  one.io().workload.time_based = true;
  EXPECT_EQ(0U, one.evidence().visited_bytes);
}

}  // namespace
}  // namespace spliced::run
