// SPDX-License-Identifier: Apache-2.0
// What a verdict is made of in JSON, so that it can be made again.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "spliced/run/evidence.h"

namespace spliced::form {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json render_evidence(const run::StageEvidence& evidence);
[[nodiscard]] run::StageEvidence read_evidence(const Json& from);
[[nodiscard]] Json render_steady(const std::optional<run::SteadyResult>& steady);  // null for none
[[nodiscard]] Json render_zones(const run::ZoneReport& zones);
[[nodiscard]] run::ZoneReport read_zones(const Json& from);

}  // namespace spliced::form
