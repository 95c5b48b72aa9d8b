// SPDX-License-Identifier: Apache-2.0
#include "spliced/verdict/verdict.h"

#include <gtest/gtest.h>

#include "unit/plan/spec_parts.h"

namespace spliced::verdict {
namespace {

using plan::Criteria;
using run::State;

using testing::policy;

DeviceSnapshot device_in(State state, std::uint64_t bytes = 4096) {
  DeviceSnapshot device;
  device.state = state;
  device.ops[0].bytes = bytes;
  return device;
}

Criteria allowing(std::uint64_t errors) {
  Criteria criteria;
  criteria.max_io_errors = errors;
  return criteria;
}

TEST(Judge, ADeviceWithoutAnErrorPasses) {
  const Judgement out = judge({}, device_in(State::succeeded));
  EXPECT_EQ(out.verdict, Verdict::pass);
  EXPECT_EQ(out.reason, "");
  ASSERT_EQ(out.criteria.size(), 1U);
  EXPECT_EQ(out.criteria[0].name, "max_io_errors");
  EXPECT_EQ(out.criteria[0].limit, 0U);
  EXPECT_EQ(out.criteria[0].measured, 0U);
  EXPECT_TRUE(out.criteria[0].met);
}

// error_policy.max_errors says how far to go, not what passes.
TEST(Judge, ErrorsThatWereLivedThroughFail) {
  plan::JobSpec spec;
  policy(spec).max_errors = 1000;
  DeviceSnapshot device = device_in(State::succeeded);
  device.ops[1].errors = 2;
  const Judgement out = judge(spec.criteria, device);
  EXPECT_EQ(out.verdict, Verdict::fail);
  EXPECT_EQ(out.reason, "2 I/O errors, 0 allowed by criteria.max_io_errors");
  EXPECT_EQ(out.criteria.at(0).measured, 2U);
  EXPECT_FALSE(out.criteria[0].met);
}

TEST(Judge, EveryKindOfOperationCounts) {
  for (std::size_t op = 0; op < util::kOpClasses; ++op) {
    DeviceSnapshot device = device_in(State::succeeded);
    device.ops[op].errors = 1;
    EXPECT_EQ(judge({}, device).verdict, Verdict::fail) << util::kOpClassNames[op];
    EXPECT_EQ(judge({}, device).reason, "1 I/O error, 0 allowed by criteria.max_io_errors");
  }
}

TEST(Judge, AsManyErrorsAsAreAllowedPassAndOneMoreFails) {
  DeviceSnapshot device = device_in(State::succeeded);
  device.ops[0].errors = 2;
  device.ops[3].errors = 1;
  EXPECT_EQ(judge(allowing(3), device).verdict, Verdict::pass);
  EXPECT_EQ(judge(allowing(2), device).verdict, Verdict::fail);
}

TEST(Judge, ADeviceThatFailedFailsWhateverIsAllowed) {
  EXPECT_EQ(judge(allowing(1000), device_in(State::failed)).verdict, Verdict::fail);
  EXPECT_EQ(judge(allowing(1000), device_in(State::failed, 0)).verdict, Verdict::fail);
}

TEST(Judge, WhatRunsHasNoVerdictYetButItsCounts) {
  for (const State state : {State::pending, State::running, State::stopping}) {
    DeviceSnapshot device = device_in(state);
    device.ops[0].errors = 1;
    const Judgement out = judge({}, device);
    EXPECT_EQ(out.verdict, Verdict::none) << state_name(state);
    EXPECT_EQ(out.reason, "");
    EXPECT_FALSE(out.criteria.at(0).met);
  }
}

TEST(Judge, ADeviceThatWasStoppedNeverPassesButMayHaveFailed) {
  for (const State state : {State::cancelled, State::interrupted}) {
    DeviceSnapshot device = device_in(state);
    EXPECT_EQ(judge({}, device).verdict, Verdict::none) << state_name(state);
    device.ops[2].errors = 1;
    EXPECT_EQ(judge({}, device).verdict, Verdict::fail) << state_name(state);
  }
}

TEST(Judge, ADeviceOnWhichNothingWasMovedHasNoVerdict) {
  const Judgement out = judge({}, device_in(State::succeeded, 0));
  EXPECT_EQ(out.verdict, Verdict::none);
  EXPECT_EQ(out.reason, "nothing was moved, which says nothing of the device");
  DeviceSnapshot trimmed = device_in(State::succeeded, 0);
  trimmed.ops[2].bytes = 1;
  EXPECT_EQ(judge({}, trimmed).verdict, Verdict::pass);
}

TEST(Judge, ErrorsOfTheDaemonAreNotTheDevices) {
  DeviceSnapshot device = device_in(State::failed);
  device.ops[0].errors = 2;
  const Judgement out = judge({}, device, 2);
  EXPECT_EQ(out.verdict, Verdict::none);
  EXPECT_EQ(out.criteria.at(0).measured, 0U);
  EXPECT_NE(out.reason, "");
  EXPECT_EQ(judge({}, device, 1).verdict, Verdict::fail) << "one was the device's own";
}

TEST(WorstOf, IsFailThenNoneThenPass) {
  EXPECT_EQ(worst_of({Verdict::pass, Verdict::none, Verdict::fail}), Verdict::fail);
  EXPECT_EQ(worst_of({Verdict::pass, Verdict::none}), Verdict::none);
  EXPECT_EQ(worst_of({Verdict::pass, Verdict::pass}), Verdict::pass);
  EXPECT_EQ(worst_of({}), Verdict::none);
}

// What one of its stages was to find out is not known, whatever the others did.
TEST(Judge, AStageThatMovedNothingIsNoPass) {
  DeviceSnapshot device = device_in(State::succeeded);
  device.idle_stage = "check";
  const Judgement out = judge({}, device);
  EXPECT_EQ(out.verdict, Verdict::none);
  EXPECT_NE(out.reason.find("in the stage check"), std::string::npos);
  device.ops[0].errors = 1;
  EXPECT_EQ(judge({}, device).verdict, Verdict::fail);
}

}  // namespace
}  // namespace spliced::verdict
