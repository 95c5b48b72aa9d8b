// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "run/device_plan.h"
#include "spliced/job/snapshot.h"

namespace spliced::job {

struct JobPlan {
  JobSpec spec;
  std::vector<run::DevicePlan> devices;
};

// All or nothing: when one target is refused, every claim is given back and every file created is removed. Files that
// were created go with the plan, too, unless OpenTarget::keep() is called.
// The error lists everything that is wrong, each with its pointer; a target that does not answer within
// device::Lookout::kLimit is one of those things.
[[nodiscard]] util::Result<JobPlan> make_plan(device::TargetAdmission& admission, const JobSpec& spec,
                                              const std::string& job_id);

// The same walk without claiming, creating or changing anything, with the same bound.
[[nodiscard]] PlanReport report_plan(const device::TargetAdmission& admission, const JobSpec& spec);

// The range of `spec` on a target, or what is wrong with it. All of what is asked for or an error, but for percentages
// other than 100: those are cut to what can be addressed.
[[nodiscard]] workload::BlockRange resolve_range(const workload::WorkloadSpec& spec, const device::TargetFacts& facts,
                                                 std::vector<util::FieldError>& errors);

}  // namespace spliced::job
