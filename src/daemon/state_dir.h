#pragma once
#include <string>

#include "spliced/util/result.h"
#include "spliced/util/unique_fd.h"

namespace spliced::daemon {

// Creates the directory (0700) when it is missing and locks it: two daemons must not share one. The lock is held by
// the descriptor.
[[nodiscard]] util::Result<util::UniqueFd> lock_state_dir(const std::string& path);

// Whether it could be used, without creating or locking anything.
[[nodiscard]] util::Status check_state_dir(const std::string& path);

}  // namespace spliced::daemon
