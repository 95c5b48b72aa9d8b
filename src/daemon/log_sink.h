// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "log_queue.h"

namespace spliced::daemon {

// The journal, with fields, when systemd connected our stderr to it; else lines on stderr.
[[nodiscard]] std::unique_ptr<QueuedLogger> make_logger();

}  // namespace spliced::daemon
