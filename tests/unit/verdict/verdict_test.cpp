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
  EXPECT_EQ(out.criteria[0].state, CriterionState::met);
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
  EXPECT_EQ(out.criteria[0].state, CriterionState::not_met);
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
    EXPECT_EQ(out.criteria.at(0).state, CriterionState::not_met);
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

DeviceSnapshot checked(std::uint64_t wrong = 0) {
  DeviceSnapshot device = device_in(State::succeeded);
  device.verify.asked_for = true;
  device.verify.bytes = 4096;
  device.verify.mismatches[static_cast<std::size_t>(verify::Kind::stale)] = wrong;
  return device;
}

TEST(Judge, DataThatIsAllRightPasses) {
  const Judgement out = judge({}, checked());
  EXPECT_EQ(out.verdict, Verdict::pass);
  ASSERT_EQ(out.criteria.size(), 2U);
  EXPECT_EQ(out.criteria[1].name, "max_mismatches");
  EXPECT_EQ(out.criteria[1].state, CriterionState::met);
}

TEST(Judge, DataThatIsWrongFails) {
  const Judgement out = judge({}, checked(2));
  EXPECT_EQ(out.verdict, Verdict::fail);
  EXPECT_NE(out.reason.find("2 intervals do not hold what was written (2 stale), 0 allowed"), std::string::npos)
      << out.reason;
  EXPECT_EQ(out.criteria.at(1).measured, 2U);
  Criteria criteria;
  criteria.max_mismatches = 2;
  EXPECT_EQ(judge(criteria, checked(2)).verdict, Verdict::pass);
  EXPECT_EQ(judge(criteria, checked(3)).verdict, Verdict::fail);
}

// What this host may have done itself is held against no device, whichever it was proven on.
TEST(Judge, AHostThatIsNotToBeTrustedSaysNothingOfADevice) {
  DeviceSnapshot device = checked(1);
  device.host_untrusted = true;
  EXPECT_EQ(judge({}, device).verdict, Verdict::inconclusive);
  for (std::size_t fault = 0; fault < run::kHostFaults; ++fault) {
    DeviceSnapshot own = checked(1);
    own.verify.host_faults[fault] = 1;
    EXPECT_EQ(judge({}, own).verdict, Verdict::inconclusive) << run::kHostFaultNames[fault];
    own.verify.mismatches = {};
    EXPECT_EQ(judge({}, own).verdict, Verdict::inconclusive) << run::kHostFaultNames[fault];
    own.ops[0].errors = 1;
    EXPECT_EQ(judge({}, own).verdict, Verdict::fail) << "the drive's own word";
  }
}

TEST(Judge, WhatWasNotCheckedIsNoPass) {
  using Totals = run::VerifyTotals;
  for (const auto member : {&Totals::unread_bytes, &Totals::indeterminate_bytes, &Totals::untraced_bytes}) {
    DeviceSnapshot device = checked();
    device.verify.*member = 4096;
    const Judgement out = judge({}, device);
    EXPECT_EQ(out.verdict, Verdict::inconclusive);
    EXPECT_NE(out.reason.find("4096 bytes"), std::string::npos) << out.reason;
  }
  DeviceSnapshot nothing = checked();
  nothing.verify.bytes = 0;
  EXPECT_EQ(judge({}, nothing).verdict, Verdict::inconclusive);
}

TEST(WorstOf, InconclusiveIsBetweenFailAndNone) {
  EXPECT_EQ(worst_of({Verdict::pass, Verdict::inconclusive, Verdict::none}), Verdict::inconclusive);
  EXPECT_EQ(worst_of({Verdict::inconclusive, Verdict::fail}), Verdict::fail);
}

}  // namespace
}  // namespace spliced::verdict
