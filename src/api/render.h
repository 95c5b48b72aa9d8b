// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "spliced/engine/capabilities.h"
#include "spliced/job/snapshot.h"
#include "spliced/plan/report.h"

namespace spliced::api {

using Json = nlohmann::ordered_json;

// The wire form of everything that the API answers with. Field names and units are those of openapi.yaml.
[[nodiscard]] Json render_spec(const plan::JobSpec& spec);
// A job but for its devices, one of those, the same but for its stages, and one of these.
[[nodiscard]] Json render_head(const job::JobSnapshot& job);
[[nodiscard]] Json render_run(const job::DeviceSnapshot& device);
[[nodiscard]] Json render_run_alone(const job::DeviceSnapshot& device);
[[nodiscard]] Json render_stage(const run::StageSnapshot& stage);
// What a list tells of a job.
[[nodiscard]] Json verdict_of(job::Verdict verdict);  // null: there is none
[[nodiscard]] Json render_summary(const job::JobSummary& job);
[[nodiscard]] Json render_plan(const plan::PlanReport& report, const plan::JobSpec& spec);
[[nodiscard]] Json render_device(const job::DeviceStatus& device);
[[nodiscard]] Json render_capabilities(const engine::Capabilities& capabilities);

// JSON text; bytes that are not UTF-8 (of a file name, say) are replaced.
[[nodiscard]] std::string to_text(const Json& value);

}  // namespace spliced::api
