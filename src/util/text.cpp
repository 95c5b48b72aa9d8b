#include "spliced/util/text.h"

#include <algorithm>

namespace spliced::util {

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f;
    if (c1) ++i;
    out += c1 || c < 0x20 || c == 0x7f ? '?' : static_cast<char>(c);
  }
  return out;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace spliced::util
