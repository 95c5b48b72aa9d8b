// SPDX-License-Identifier: Apache-2.0
// Criteria in JSON: as a job says them, as they are shown, and what they came to.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "json_object_reader.h"
#include "spliced/plan/spec.h"
#include "spliced/run/evidence.h"
#include "spliced/verdict/criterion.h"

namespace spliced::form {

using Json = nlohmann::ordered_json;

// A share is a percentage, "12%", or a number from 0 to 1; null leaves it as it is.
void read_share(JsonObjectReader& fields, const char* key, std::optional<double>& out);
[[nodiscard]] std::string format_share(double value);

void read_criteria(JsonObjectReader& fields, plan::Criteria& out);
void read_stage_criteria(JsonObjectReader& fields, run::StageCriteria& out);
[[nodiscard]] Json render_criteria(const plan::Criteria& criteria);
[[nodiscard]] Json render_stage_criteria(const run::StageCriteria& criteria);

[[nodiscard]] Json render_criteria(const std::vector<verdict::CriterionResult>& results);
// What is no criterion of this version is left out.
[[nodiscard]] std::vector<verdict::CriterionResult> read_criteria(const Json& list);

}  // namespace spliced::form
