// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "spliced/util/result.h"

namespace spliced::form {

inline constexpr int kMaxJsonDepth = 16;

// `name`: what the text is, for errors that are about the whole of it.
struct JsonText {
  std::string_view name = "the body";
  bool comments = false;  // are skipped, as in C
};

// Parses JSON (RFC 8259) strictly: UTF-8 only, no duplicate keys, no deeper nesting than kMaxJsonDepth, no
// numbers beyond a double. The error is Errc::invalid with one detail, whose pointer names the place.
[[nodiscard]] util::Result<nlohmann::json> parse_strict(std::string_view text, const JsonText& kind = {});

// A key as a reference token of a JSON pointer (RFC 6901).
[[nodiscard]] std::string escape_token(std::string_view key);

}  // namespace spliced::form
