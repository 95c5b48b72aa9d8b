#pragma once
#include <string>

#include "client.h"

namespace spliced::cli {

// How jobs look to a person.
[[nodiscard]] std::string job_text(const Json& job);            // several lines
[[nodiscard]] std::string progress_line(const Json& job);       // one line, without newline
[[nodiscard]] std::string capabilities_text(const Json& caps);  // a table with what each row means
[[nodiscard]] std::string seconds_text(double seconds);         // "1m 05s", "3.2 ms"

// A string member that may be null or absent, without control characters.
[[nodiscard]] std::string text_of(const Json& object, const char* key);

}  // namespace spliced::cli
