// Text that came from others.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace spliced::util {

// With every control character (C0, DEL and, in UTF-8, C1) as a question mark: a client's text must neither draw on a
// terminal nor look like several lines.
[[nodiscard]] std::string printable(std::string_view text);

// Unicode characters of UTF-8 text.
[[nodiscard]] std::size_t characters(std::string_view text);

}  // namespace spliced::util
