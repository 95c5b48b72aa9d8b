// SPDX-License-Identifier: Apache-2.0
#include "overlay.h"

#include <algorithm>

namespace spliced::device {
namespace {

bool is_octal(std::string_view digits) {
  return digits.size() == 3 && digits.find_first_not_of("01234567") == digits.npos;
}

std::string without_octal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && is_octal(text.substr(i + 1, 3))) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Layers stand between colons, and a colon in a name behind a backslash; two colons come before those that hold data
// alone.
void add_list(const std::string& list, const std::string& role, std::vector<LayerName>& out) {
  std::string path;
  const auto end = [&] {
    if (!path.empty()) out.push_back({path, role});
    path.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size()) {
      path += list[++i];
    } else if (list[i] == ':') {
      end();
    } else {
      path += list[i];
    }
  }
  end();
}

// What was given to mount(8) may have backslashes before commas and colons; by other ways it is taken as it is. Which
// of the two it was does not show, so that both are looked at.
void add_one(const std::string& value, const std::string& role, std::vector<LayerName>& out) {
  std::string plain;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    plain += value[i];
  }
  out.push_back({plain, role});
  if (plain != value) out.push_back({value, role});
}

void add_option(std::string_view option, std::vector<LayerName>& out) {
  const auto equals = option.find('=');
  if (equals == option.npos) return;
  const std::string_view key = option.substr(0, equals);
  const std::string value = without_octal(option.substr(equals + 1));
  if (key == "upperdir") add_one(value, "upper", out);
  if (key == "workdir") add_one(value, "work", out);
  if (key == "lowerdir") add_list(value, "lower", out);
  if (key == "lowerdir+" || key == "datadir+") add_one(value, "lower", out);
}

}  // namespace

std::vector<LayerName> overlay_layers(std::string_view options) {
  std::vector<LayerName> out;
  while (!options.empty()) {
    const auto comma = std::min(options.find(','), options.size());
    add_option(options.substr(0, comma), out);
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return out;
}

std::string_view super_options(std::string_view line) {
  const auto separator = line.find(" - ");  // a blank in a name is escaped
  if (separator == line.npos) return {};
  const auto last = line.rfind(' ');
  return last > separator + 2 ? line.substr(last + 1) : std::string_view{};
}

}  // namespace spliced::device
