// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::device {

// All of a small file of sysfs or procfs; the error carries the errno and names the file.
[[nodiscard]] util::Result<std::string> read_text(const std::string& path);

// First line of a file, without trailing blanks; "" when it cannot be read.
[[nodiscard]] std::string read_line(const std::string& path);

// The names in a directory; the error carries the errno and names the directory.
[[nodiscard]] util::Result<std::vector<std::string>> read_names(const std::string& directory);

// "cannot read PATH: REASON"
[[nodiscard]] std::string cannot_read(const util::Error& error);

}  // namespace spliced::device
