// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace spliced::cli {

// Tells what data of a device or an image says of itself, without a daemon. `offset` and `length`: sizes as jobs have
// them.
[[nodiscard]] int block(const std::string& path, const std::string& offset, const std::string& length, bool json);

}  // namespace spliced::cli
