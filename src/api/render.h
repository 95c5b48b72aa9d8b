#pragma once
#include <nlohmann/json.hpp>

#include "spliced/engine/capabilities.h"
#include "spliced/job/snapshot.h"

namespace spliced::api {

using Json = nlohmann::ordered_json;

// The wire form of everything that the API answers with. Field names and units are those of openapi.yaml.
[[nodiscard]] Json render_spec(const job::JobSpec& spec);
[[nodiscard]] Json render_job(const job::JobSnapshot& job);
[[nodiscard]] Json render_plan(const job::PlanReport& report, const job::JobSpec& spec);
[[nodiscard]] Json render_device(const job::DeviceStatus& device);
[[nodiscard]] Json render_capabilities(const engine::Capabilities& capabilities);

// JSON text; bytes that are not UTF-8 (of a file name, say) are replaced.
[[nodiscard]] std::string to_text(const Json& value);

}  // namespace spliced::api
