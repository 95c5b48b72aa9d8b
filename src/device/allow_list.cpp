// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/allow_list.h"

#include <fnmatch.h>

namespace spliced::device {

bool AllowList::allows(std::string_view path) const {
  const std::string text(path);
  // "/allowed/../etc/x" must not pass for something below /allowed/.
  if (text.empty() || text[0] != '/' || (text + "/").find("/../") != std::string::npos) return false;
  for (const auto& pattern : patterns_) {
    if (pattern == "/") return true;
    const bool directory = pattern.size() > 1 && pattern.ends_with('/');
    const std::string glob = directory ? pattern.substr(0, pattern.size() - 1) : pattern;
    const int flags = FNM_PATHNAME | FNM_PERIOD | (directory ? FNM_LEADING_DIR : 0);
    if (::fnmatch(glob.c_str(), text.c_str(), flags) != 0) continue;
    if (!directory || ::fnmatch(glob.c_str(), text.c_str(), FNM_PATHNAME | FNM_PERIOD) != 0) return true;
  }
  return false;
}

}  // namespace spliced::device
