// SPDX-License-Identifier: Apache-2.0
#include "form/spec_form.h"

#include <gtest/gtest.h>

namespace spliced::form {
namespace {

TEST(SpecForm, OfOneWorkloadTheStageIsNotTold) {
  const SpecForm form;
  EXPECT_EQ(form.pointer_to("stages/0/streams/0/workload/bs"), "/workload/bs");
  EXPECT_EQ(form.pointer_to("stages/0/streams/0/engine/batch"), "/engine/batch");
  EXPECT_EQ(form.pointer_to("stages/0/error_policy/stall_timeout"), "/error_policy/stall_timeout");
  EXPECT_EQ(form.pointer_to("targets/3"), "/targets/3");
  EXPECT_EQ(form.pointer_to("destructive"), "/destructive");
  EXPECT_EQ(form.pointer_to(""), "");
}

TEST(SpecForm, OfStagesEachIsToldWithWhatItSaysItself) {
  const SpecForm form{false, {{}, {true, true, false}, {true, false, true}}};
  EXPECT_EQ(form.pointer_to("stages/1/streams/0/workload/bs"), "/stages/1/workload/bs");
  EXPECT_EQ(form.pointer_to("stages/0/streams/0/engine/batch"), "/engine/batch");
  EXPECT_EQ(form.pointer_to("stages/1/streams/0/engine/batch"), "/stages/1/engine/batch");
  EXPECT_EQ(form.pointer_to("stages/1/error_policy/stall_timeout"), "/error_policy/stall_timeout");
  EXPECT_EQ(form.pointer_to("stages/2/error_policy/stall_timeout"), "/stages/2/error_policy/stall_timeout");
  EXPECT_EQ(form.pointer_to("stages"), "/stages");
  EXPECT_EQ(form.pointer_to("stages/63/name"), "/stages/63/name");
}

TEST(SpecForm, OfStreamsEachIsToldAndWhatIsRepeatedIsFoundInIt) {
  const SpecForm form{false, {{false}, {true, true, false, {{}, {false, false, true}}}}};
  EXPECT_EQ(form.pointer_to("stages/0/streams/2/workload/bs"), "/stages/0/streams/2/workload/bs");
  EXPECT_EQ(form.pointer_to("stages/0/streams/2/engine/batch"), "/engine/batch");
  EXPECT_EQ(form.pointer_to("stages/0/streams"), "/stages/0/streams");
  const std::string again = "stages/1/repeat/stages/";
  EXPECT_EQ(form.pointer_to(again + "0/streams/0/workload/bs"), "/" + again + "0/workload/bs");
  EXPECT_EQ(form.pointer_to(again + "1/streams/3/workload/bs"), "/" + again + "1/streams/3/workload/bs");
  EXPECT_EQ(form.pointer_to(again + "1/streams/3/engine/batch"), "/stages/1/engine/batch");
  EXPECT_EQ(form.pointer_to(again + "1/error_policy/stall_timeout"), "/" + again + "1/error_policy/stall_timeout");
  EXPECT_EQ(form.pointer_to("stages/1/repeat/stages"), "/stages/1/repeat/stages");
  EXPECT_EQ(form.pointer_to("stages/1/repeat/times"), "/stages/1/repeat/times");
}

TEST(SpecForm, TurnsWholeAnswers) {
  const SpecForm form;
  util::Error error{util::Errc::invalid, "", 0, {{"stages/0/streams/0/workload/bs", "wrong"}, {"targets/1", "wrong"}}};
  error = form.with_pointers(std::move(error));
  EXPECT_EQ(error.details[0].pointer, "/workload/bs");
  EXPECT_EQ(error.details[1].pointer, "/targets/1");
  plan::PlanReport report;
  report.errors.push_back({"destructive", "wrong"});
  report.targets.emplace_back().errors.push_back({"stages/0/streams/0/workload/size", "wrong"});
  report = form.with_pointers(std::move(report));
  EXPECT_EQ(report.errors[0].pointer, "/destructive");
  EXPECT_EQ(report.targets[0].errors[0].pointer, "/workload/size");
}

}  // namespace
}  // namespace spliced::form
