#pragma once
#include "app.h"
#include "config.h"

namespace spliced::daemon {

// Everything that can be known to be wrong before anything is started.
[[nodiscard]] util::Status check(const Config& config);

// Waits for signals until SIGTERM or SIGINT, feeding systemd meanwhile; then stops the application. The exit code.
// SIGHUP reloads: `command_line` is merged with the file again. All signals must be blocked in every thread.
[[nodiscard]] int run_until_stopped(App& app, const CommandLine& command_line);

}  // namespace spliced::daemon
