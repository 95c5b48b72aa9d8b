#pragma once
#include <memory>

#include "spliced/util/log.h"

namespace spliced::daemon {

// The journal, with fields, when systemd connected our stderr to it; else lines on stderr.
[[nodiscard]] std::unique_ptr<util::Logger> make_logger();

}  // namespace spliced::daemon
