// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace spliced::cli {

// Parses the command line and does what it says. The exit code.
[[nodiscard]] int program(int argc, char** argv);

}  // namespace spliced::cli
