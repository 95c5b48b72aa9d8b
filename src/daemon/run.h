// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <system_error>

#include "app.h"
#include "config.h"
#include "log_queue.h"

namespace spliced::daemon {

// Everything that can be known to be wrong before anything is started.
[[nodiscard]] util::Status check(const Config& config);

// What is said of a thread that could not be started.
[[nodiscard]] std::string without_threads(const std::system_error& error);

// Starts the application and waits for SIGTERM or SIGINT, feeding systemd meanwhile; then stops it. An error: it could
// not start. SIGHUP reloads: `command_line` is merged with the file again. All signals must be blocked in every thread.
// When something holds up the end, the process ends here, without returning.
[[nodiscard]] util::Status serve(Config config, const CommandLine& command_line, QueuedLogger& log);

}  // namespace spliced::daemon
