// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace spliced::form {

// What is written: members stay in the order in which they are put.
using Json = nlohmann::ordered_json;

// null: there is none.
[[nodiscard]] Json number_or_null(const std::optional<double>& value);
[[nodiscard]] Json text_or_null(std::string_view text);

// JSON text; bytes that are not UTF-8 (of a file name, say) are replaced.
[[nodiscard]] std::string to_text(const Json& value);

}  // namespace spliced::form
