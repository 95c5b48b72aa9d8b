// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "json_object_reader.h"
#include "spliced/run/until.h"

namespace spliced::form {

// The member `until` of a workload. null, as it is shown, for none.
void read_until(JsonObjectReader& fields, std::optional<run::UntilSteady>& out);
[[nodiscard]] nlohmann::ordered_json render_until(const std::optional<run::UntilSteady>& until);

}  // namespace spliced::form
