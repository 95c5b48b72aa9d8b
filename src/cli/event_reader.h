// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace spliced::cli {

struct ServerEvent {
  std::string id, kind, data;  // "": not given
};

// Takes apart what comes of Server-Sent Events (HTML, 9.2.6), in whatever pieces.
class EventReader {
 public:
  void take(std::string_view text, const std::function<void(const ServerEvent&)>& tell);

 private:
  void take_line(std::string_view line, const std::function<void(const ServerEvent&)>& tell);
  std::string line_;  // what has come of one
  ServerEvent event_;
};

}  // namespace spliced::cli
