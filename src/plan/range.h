// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "run/device_plan.h"
#include "spliced/device/target.h"
#include "spliced/run/stage_spec.h"
#include "spliced/util/result.h"
#include "spliced/workload/block_range.h"
#include "spliced/workload/spec.h"

namespace spliced::plan {

// The range of `spec` on a target, or what is wrong with it, each with its field ("bs"). All of what is asked for or an
// error, but for percentages other than 100: those are cut to what can be addressed.
[[nodiscard]] workload::BlockRange resolve_range(const workload::WorkloadSpec& spec, const device::TargetFacts& facts,
                                                 std::vector<util::FieldError>& errors);

}  // namespace spliced::plan
