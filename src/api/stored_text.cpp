// SPDX-License-Identifier: Apache-2.0
#include "stored_text.h"

namespace spliced::api {
namespace {

// Of a head, and of a device: far beyond what was ever written.
constexpr std::size_t kLongestPart = 8 << 20;
constexpr std::string_view kDevices = "\"devices\":[";

// Follows JSON text byte by byte.
class Nesting {
 public:
  void step(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else {
        in_string_ = c != '"';
      }
      return;
    }
    in_string_ = c == '"';
    depth_ += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
  }
  [[nodiscard]] int depth() const { return depth_; }
  [[nodiscard]] bool in_string() const { return in_string_; }

 private:
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace

int StoredText::next() {
  while (at_ == piece_.size()) {
    if (!more_) return -1;
    piece_.clear();
    at_ = 0;
    more_ = pieces_(piece_);
  }
  return static_cast<unsigned char>(piece_[at_++]);
}

std::string StoredText::head() {
  std::string text;
  Nesting nesting;
  for (int c = next(); c >= 0 && text.size() < kLongestPart; c = next()) {
    text += static_cast<char>(c);
    nesting.step(static_cast<char>(c));
    // Documents have no white space between their parts; the devices come last.
    if (c == '[' && nesting.depth() == 2 && !nesting.in_string() && text.ends_with(kDevices)) {
      in_devices_ = true;
      return text + "]}";
    }
  }
  return text;
}

std::string StoredText::rest_of_object() {
  std::string text = "{";
  Nesting nesting;
  nesting.step('{');
  while (nesting.depth() > 0) {
    const int c = next();
    if (c < 0 || text.size() >= kLongestPart) return "";
    text += static_cast<char>(c);
    nesting.step(static_cast<char>(c));
  }
  return text;
}

std::optional<std::string> StoredText::device() {
  while (in_devices_) {
    const int c = next();
    if (c == '{') {
      std::string text = rest_of_object();
      in_devices_ = !text.empty();
      return in_devices_ ? std::optional(std::move(text)) : std::nullopt;
    }
    in_devices_ = c >= 0 && c != ']';
  }
  return std::nullopt;
}

}  // namespace spliced::api
