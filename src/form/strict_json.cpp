// SPDX-License-Identifier: Apache-2.0
#include "strict_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

namespace spliced::form {
using nlohmann::json;

namespace {

struct Rejected {
  std::string detail;
};

// Follows the parser through the text: knows the keys of each open object and the way to the current place.
class DuplicateKeyDetector {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= kMaxJsonDepth) throw Rejected{fmt::format("nested deeper than {} levels", kMaxJsonDepth)};
        levels_.push_back({event == json::parse_event_t::array_start, {}, std::nullopt, 0});
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        levels_.pop_back();
        element_ended();
        break;
      case json::parse_event_t::key: {
        const auto key = value.get<std::string>();
        levels_.back().key = escape_token(key);
        if (!levels_.back().keys.insert(key).second) throw Rejected{"the key is given twice"};
        break;
      }
      case json::parse_event_t::value: element_ended(); break;
    }
    return true;
  }
  [[nodiscard]] std::string pointer() const {
    std::string out;
    for (const auto& level : levels_) {
      if (level.is_array) out += fmt::format("/{}", level.index);
      if (level.key) out += fmt::format("/{}", *level.key);
    }
    return out;
  }

 private:
  void element_ended() {
    if (!levels_.empty() && levels_.back().is_array) ++levels_.back().index;
  }
  struct Level {
    bool is_array;
    std::set<std::string> keys;
    std::optional<std::string> key;  // of the member that is being read
    std::size_t index;               // of the element that is being read
  };
  std::vector<Level> levels_;
};

tl::unexpected<util::Error> reject(const std::string& pointer, const std::string& detail) {
  util::Error error{util::Errc::invalid, detail, 0, {{pointer, detail}}};
  return tl::unexpected(std::move(error));
}

// The library's messages begin with "[json.exception.parse_error.101] parse error at line 1, column 2: ".
std::string readable(const std::string& what) {
  const auto bracket = what.find("] ");
  return bracket == what.npos ? what : what.substr(bracket + 2);
}

}  // namespace

std::string escape_token(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

util::Result<json> parse_strict(std::string_view text, const JsonText& kind) {
  // The parser takes a NUL for the end of the text.
  if (text.find('\0') != text.npos) return reject("", fmt::format("{} contains a NUL byte", kind.name));
  if (text.empty()) return reject("", fmt::format("{} is empty; a JSON object is expected", kind.name));
  DuplicateKeyDetector detector;
  try {
    return json::parse(
        text, [&](int depth, json::parse_event_t event, json& value) { return detector(depth, event, value); }, true,
        kind.comments);
  } catch (const Rejected& rejected) {
    return reject(detector.pointer(), rejected.detail);
  } catch (const json::exception& error) {
    return reject(detector.pointer(), readable(error.what()));
  }
}

}  // namespace spliced::form
