// SPDX-License-Identifier: Apache-2.0
// Criteria that nothing in a job can measure are refused.
#include <gtest/gtest.h>

#include "spec_parts.h"
#include "spliced/plan/spec.h"

namespace spliced::plan {
namespace {

using testing::io;
using workload::Mode;

JobSpec reader() {
  JobSpec spec;
  spec.targets = {"/dev/sdx"};
  return spec;
}
std::string refused(const JobSpec& spec) {
  const auto errors = check_spec(spec);
  return errors.empty() ? "" : errors.front().pointer;
}

TEST(CheckCriteria, ADirectionThatNoStageHas) {
  JobSpec spec = reader();
  spec.criteria.stages.latency = {{util::OpClass::read, "max", 1, 1}};
  EXPECT_EQ("", refused(spec));
  spec.criteria.stages.latency[0].op = util::OpClass::write;
  EXPECT_EQ("criteria/latency/write", refused(spec));
  spec = reader();
  spec.criteria.stages.min_rate = {{util::OpClass::trim, 1}};
  EXPECT_EQ("criteria/min_rate/trim", refused(spec));
  spec = reader();
  spec.stages[0].criteria.emplace().min_rate = {{util::OpClass::write, 1}};
  EXPECT_EQ("stages/0/criteria/min_rate/write", refused(spec));
}

TEST(CheckCriteria, SlowZonesOfWhatIsNotSequential) {
  JobSpec spec = reader();
  spec.criteria.max_slow_zone = 0.12;
  EXPECT_EQ("", refused(spec));
  io(spec).workload.rw = Mode::randread;
  EXPECT_EQ("criteria/max_slow_zone", refused(spec));
  spec.criteria.slow_zone_if_measurable = true;
  EXPECT_EQ("", refused(spec));
}

TEST(CheckCriteria, PeersOfThree) {
  JobSpec spec = reader();
  spec.criteria.max_peer_deviation = 0.1;
  spec.targets = {"/dev/sda", "/dev/sdb", "/dev/sdc"};
  EXPECT_EQ("criteria/max_peer_deviation", refused(spec));
  spec.targets.push_back("/dev/sdd");
  EXPECT_EQ("", refused(spec));
}

TEST(CheckCriteria, WhatNeverIsToBeSteadyOrChecked) {
  JobSpec spec = reader();
  spec.criteria.steady = Steady::required;
  EXPECT_EQ("criteria/steady", refused(spec));
  io(spec).workload.time_based = true;
  io(spec).until.emplace();
  resolve_stages(spec);
  EXPECT_EQ("", refused(spec));
  EXPECT_EQ(26 * 60 * util::kSecond, io(spec).workload.runtime);
  spec.criteria.max_indeterminate = 0;
  EXPECT_EQ("criteria/max_indeterminate", refused(spec));
}

TEST(LeavesOf, SlowZonesComeLastAndAreReadAsWhatWasRead) {
  JobSpec spec = reader();
  spec.criteria.max_slow_zone = 0.2;
  io(spec).workload.rw = Mode::write;
  io(spec).workload.bs = 4096;
  run::StageSpec scan = spec.stages[0];
  scan.name = "scan";
  run::IoSpec& reads = std::get<run::StreamsSpec>(scan.what).streams[0].io;
  reads.workload.rw = Mode::read;
  reads.workload.bs = 1 << 20;
  reads.workload.workers = 3;
  spec.stages.push_back(scan);
  const auto leaves = leaves_of(spec);
  ASSERT_EQ(3U, leaves.size());
  EXPECT_EQ(kRereadName, leaves[2].stage.name);
  const auto& again = std::get<run::RereadSpec>(leaves[2].stage.what);
  EXPECT_EQ(0.2, again.limit);
  EXPECT_EQ(1U << 20, again.io.streams[0].io.workload.bs.read);
  EXPECT_EQ(3U, again.io.streams[0].io.workload.workers);
  spec.criteria.max_slow_zone.reset();
  EXPECT_EQ(2U, leaves_of(spec).size());
}

TEST(LeavesOf, CriteriaOfTheJobGoToWhatTheyAreAbout) {
  JobSpec spec = reader();
  spec.criteria.stages.latency = {{util::OpClass::read, "max", 1, 5}, {util::OpClass::write, "max", 1, 6}};
  EXPECT_EQ(1U, leaves_of(spec)[0].stage.criteria->latency.size());
  spec.stages[0].criteria.emplace();  // none, in this one
  EXPECT_TRUE(leaves_of(spec)[0].stage.criteria->latency.empty());
}

}  // namespace
}  // namespace spliced::plan
