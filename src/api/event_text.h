// SPDX-License-Identifier: Apache-2.0
// Events as they are sent (HTML, 9.2.6): a few lines, the last of them empty.
#pragma once
#include <cstdint>
#include <string>

#include "spliced/job/event.h"

namespace spliced::api {

inline constexpr const char* kNoEvent = ":\n\n";              // a comment, which readers leave out
inline constexpr const char* kComeAgain = "retry: 2000\n\n";  // after so many milliseconds, when it broke off

[[nodiscard]] std::string event_text(const job::Event& event);
// These two have no id: nobody can go on from there.
[[nodiscard]] std::string progress_text(const job::JobSummary& job);
[[nodiscard]] std::string lost_text(std::uint64_t events);

}  // namespace spliced::api
