// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "client.h"
#include "text.h"

namespace spliced::cli {

// What checking came to, of the `verify` of a device or a stage; "" where nothing was checked. With what was found
// beside what was expected, of the first that is wrong, or when verbose of all.
[[nodiscard]] std::string verify_text(const Json& verify, const Style& style, const std::string& indent);

}  // namespace spliced::cli
