// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::util {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The one at the start of `text`, which is not empty. RFC 3629: neither surrogates nor longer forms than need be.
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  char32_t code = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[bytes] || code > 0x10ffff || surrogate) return {};
  return {code, bytes, true};
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

// Unicode 15, 23.7: reserved for the inside of programs.
bool is_noncharacter(char32_t code) {
  return (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe;
}

bool is_fit(const Character& one) {
  return one.valid && !is_control(one.code) && !is_noncharacter(one.code);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character one = decode(text);
    out += is_fit(one) ? text.substr(0, one.bytes) : "?";
    text.remove_prefix(one.bytes);
  }
  return out;
}

std::string unfit_character(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Character one = decode(text.substr(at));
    if (!one.valid) return fmt::format("no UTF-8 at byte {}", at);
    if (!is_fit(one)) {
      return fmt::format("the {} U+{:04X} at byte {}", is_control(one.code) ? "control character" : "noncharacter",
                         static_cast<std::uint32_t>(one.code), at);
    }
    at += one.bytes;
  }
  return "";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace spliced::util
