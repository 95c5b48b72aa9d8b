// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "run/device_plan.h"
#include "spliced/device/target.h"
#include "spliced/run/stage_spec.h"

namespace spliced::plan {

struct Estimate {
  double seconds = 0;
  bool is_rough = false;  // by what devices of its kind usually do; else by the times and rates that the job has
};
// How long a stage will take on a device. A runtime alone only says when it ends at the latest. Of a leaf (see
// leaves_of).
[[nodiscard]] std::optional<Estimate> estimate_stage(const run::StageSpec& stage, const run::StagePlan& plan,
                                                     const device::TargetFacts& facts);

}  // namespace spliced::plan
