// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "form/render.h"
#include "spliced/engine/capabilities.h"
#include "spliced/job/snapshot.h"
#include "spliced/plan/report.h"

namespace spliced::api {

using form::Json;

// What the API answers with beside the devices of jobs. Field names and units are those of openapi.yaml.
// A job but for its devices.
[[nodiscard]] Json render_head(const job::JobSnapshot& job);
// What a list tells of a job.
[[nodiscard]] Json render_summary(const job::JobSummary& job);
[[nodiscard]] Json render_plan(const plan::PlanReport& report, const plan::JobSpec& spec);
[[nodiscard]] Json render_device(const job::DeviceStatus& device);
[[nodiscard]] Json render_capabilities(const engine::Capabilities& capabilities);

}  // namespace spliced::api
