// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <string>

namespace spliced::util {

// A text that is made as it is read: appends the next piece, kPieceBytes at most, and returns whether there is more.
// Throws std::runtime_error when it cannot be read on. May block on the state directory. One call at a time.
using Pieces = std::function<bool(std::string&)>;
inline constexpr std::size_t kPieceBytes = 256 * 1024;

}  // namespace spliced::util
