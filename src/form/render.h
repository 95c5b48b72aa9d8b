// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "json.h"
#include "spliced/plan/spec.h"
#include "spliced/verdict/verdict.h"

namespace spliced::form {

// The wire form of what a job is and does. Field names and units are those of openapi.yaml.
[[nodiscard]] Json render_spec(const plan::JobSpec& spec);
// A device of a job, the same but for its stages, and one of these.
[[nodiscard]] Json render_run(const verdict::DeviceSnapshot& device);
[[nodiscard]] Json render_run_alone(const verdict::DeviceSnapshot& device);
[[nodiscard]] Json render_stage(const run::StageSnapshot& stage);
[[nodiscard]] Json verdict_of(verdict::Verdict value);  // null: there is none

}  // namespace spliced::form
