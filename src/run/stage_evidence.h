// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "device_plan.h"
#include "spliced/run/evidence.h"
#include "spliced/run/stage_spec.h"
#include "spliced/run/totals.h"

namespace spliced::run {

// What a stage showed: from all that was counted in it after its ramp, in `measured` nanoseconds. `size`: bytes of the
// target. A rate is known only of a stage that is `done`, the mean over all of it; likewise a quantile, but for a
// maximum that is exceeded already.
[[nodiscard]] StageEvidence make_evidence(const StageSpec& spec, const StagePlan& plan, const DeviceTotals& totals,
                                          util::Nanos measured, std::uint64_t size, bool done);

}  // namespace spliced::run
