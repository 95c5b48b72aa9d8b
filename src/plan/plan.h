// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "run/device_plan.h"
#include "spliced/plan/report.h"
#include "spliced/plan/spec.h"

namespace spliced::plan {

struct JobPlan {
  JobSpec spec;
  run::SharedStages stages;  // see leaves_of
  std::vector<run::DevicePlan> devices;
};

// All or nothing: when one target is refused, every claim is given back and every file created is removed. Files that
// were created go with the plan, too, unless OpenTarget::keep() is called.
// The error lists everything that is wrong, each with its field; a target that does not answer within
// device::Lookout::kLimit is one of those things.
[[nodiscard]] util::Result<JobPlan> make_plan(device::TargetAdmission& admission, const JobSpec& spec,
                                              const std::string& job_id);

// What each stage of a job works on, of a target that may be used.
[[nodiscard]] std::vector<run::StagePlan> stages_on(const JobSpec& spec, const device::TargetFacts& facts);

// The targets of a job that is to wait for them. Claims and creates nothing. The error is as make_plan()'s.
[[nodiscard]] util::Result<std::vector<device::TargetFacts>> check_to_wait(const device::TargetAdmission& admission,
                                                                           const JobSpec& spec);

// The same walk without claiming, creating or changing anything, with the same bound.
[[nodiscard]] PlanReport report_plan(const device::TargetAdmission& admission, const JobSpec& spec);

}  // namespace spliced::plan
