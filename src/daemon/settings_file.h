// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/stat.h>

#include <string>

#include "spliced/util/result.h"

namespace spliced::daemon {

struct SettingsFile {
  std::string text;
  mode_t mode = 0;  // of what was read
};

inline constexpr std::size_t kMaxSettingsBytes = 1 << 20;

// All of a small regular file. Neither a pipe nor a device is waited for, and none is read without an end. `flag` is
// the option that named it, for the error.
[[nodiscard]] util::Result<SettingsFile> read_settings_file(const std::string& flag, const std::string& path);

}  // namespace spliced::daemon
