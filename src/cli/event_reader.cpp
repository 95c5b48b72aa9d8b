// SPDX-License-Identifier: Apache-2.0
#include "event_reader.h"

#include <algorithm>
#include <utility>

namespace spliced::cli {

void EventReader::take(std::string_view text, const std::function<void(const ServerEvent&)>& tell) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line_ += text.substr(0, end);
    if (end == text.size()) return;
    text.remove_prefix(end + 1);
    take_line(std::exchange(line_, {}), tell);
  }
}

void EventReader::take_line(std::string_view line, const std::function<void(const ServerEvent&)>& tell) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    const ServerEvent event = std::exchange(event_, {});
    if (!event.data.empty()) tell(event);
    return;
  }
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view field = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "id") event_.id = value;
  if (field == "event") event_.kind = value;
  if (field == "data") event_.data += (event_.data.empty() ? "" : "\n") + std::string(value);
}

}  // namespace spliced::cli
