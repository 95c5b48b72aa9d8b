#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "spliced/util/result.h"

namespace spliced::api {

inline constexpr int kMaxJsonDepth = 16;

// Parses a client's JSON (RFC 8259) strictly: UTF-8 only, no duplicate keys, no deeper nesting than kMaxJsonDepth, no
// numbers beyond a double. The error is Errc::invalid with one detail, whose pointer names the place.
[[nodiscard]] util::Result<nlohmann::json> parse_strict(std::string_view text);

// A key as a reference token of a JSON pointer (RFC 6901).
[[nodiscard]] std::string escape_token(std::string_view key);

}  // namespace spliced::api
