// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "contexts.h"

namespace spliced::cli {

// The commands that deal with the user's contexts, and with no daemon. Each returns the exit code.
[[nodiscard]] int list_contexts(bool as_json);
[[nodiscard]] int set_context(const std::string& name, const Target& target);
[[nodiscard]] int use_context(const std::string& name);
[[nodiscard]] int delete_context(const std::string& name);

}  // namespace spliced::cli
