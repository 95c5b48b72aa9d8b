#include "spliced/device/allow_list.h"

#include <fnmatch.h>

namespace spliced::device {

bool AllowList::allows(std::string_view path) const {
  const std::string text(path);
  // "/allowed/../etc/x" must not pass for something below /allowed/.
  if (text.empty() || text[0] != '/' || (text + "/").find("/../") != std::string::npos) return false;
  for (const auto& pattern : patterns_) {
    if (pattern.ends_with('/') && text.size() > pattern.size() && text.starts_with(pattern)) return true;
    if (::fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0) return true;
  }
  return false;
}

}  // namespace spliced::device
