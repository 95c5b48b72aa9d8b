// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace spliced::daemon {

// Writes to stdout or stderr, before there is a log and after it. Gives up after two seconds without a reader: whoever
// started us must learn the exit code even if nobody reads.
void say(int fd, std::string_view text);

}  // namespace spliced::daemon
