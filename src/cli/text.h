// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "client.h"

namespace spliced::cli {

// How jobs look to a person.
struct Style {
  bool colour = false;   // of the verdict, by ECMA-48
  bool verbose = false;  // with what the engine was set to, and why
};
[[nodiscard]] std::string job_text(const Json& job, const Style& style = {});  // several lines
// One line without newline, of at most so many columns: what does not fit is left out, the least important first.
[[nodiscard]] std::string progress_line(const Json& job, std::size_t columns = 1000);
[[nodiscard]] std::string capabilities_text(const Json& caps);  // a table with what each row means
[[nodiscard]] std::string seconds_text(double seconds);         // "1m 05s", "3.2 ms"
[[nodiscard]] std::string eta_text(double seconds);             // as far as one can tell: "15 s", "1m 05s"

[[nodiscard]] bool is_final(std::string_view state);  // of a job, by its name

// A string member that may be null or absent, without control characters.
[[nodiscard]] std::string text_of(const Json& object, const char* key);

}  // namespace spliced::cli
