// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

namespace spliced::form {

// Those of api/recipes, as they are there.
[[nodiscard]] std::vector<std::string_view> built_in_recipes();

}  // namespace spliced::form
