// SPDX-License-Identifier: Apache-2.0
// Text that came from others.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace spliced::util {

// A to Z alone, whatever the locale.
[[nodiscard]] std::string lower_case(std::string_view text);

// With a question mark for every control character (C0, DEL and C1), noncharacter (U+FDD0 to U+FDEF, and the last two
// of each plane) and byte that is no UTF-8: others' text must not draw on a terminal, look like several lines, or be
// refused by whoever it is passed on to.
[[nodiscard]] std::string printable(std::string_view text);

// What in `text` printable() would replace first, in words ("the control character U+0007 at byte 3"); "" for nothing.
[[nodiscard]] std::string unfit_character(std::string_view text);

// Unicode characters of UTF-8 text.
[[nodiscard]] std::size_t characters(std::string_view text);

}  // namespace spliced::util
