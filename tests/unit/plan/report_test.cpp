// SPDX-License-Identifier: Apache-2.0
#include "spliced/plan/report.h"

#include <gtest/gtest.h>

namespace spliced::plan {
namespace {

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

}  // namespace
}  // namespace spliced::plan
