// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace spliced::device {
namespace {

// Of /sys/block/X/wwid and device/wwid. Others ("t10.", "nvme.") stand before what was assigned by nobody.
constexpr std::array<std::string_view, 2> kAssigned{"naa.", "eui."};
constexpr std::array<std::string_view, 5> kShown{"wwn-0x", "0x", "naa.", "eui.", "nvme-eui."};

std::string trimmed_lower(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == text.npos) return "";
  std::string out(text.substr(first, text.find_last_not_of(' ') - first + 1));
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string without_prefix(std::string text) {
  for (const auto prefix : kShown) {
    if (text.starts_with(prefix)) return text.substr(prefix.size());
  }
  return text;
}

}  // namespace

bool is_telling(const std::string& wwn) {
  const auto dot = wwn.find('.');
  const std::string number = wwn.substr(dot == wwn.npos ? 0 : dot + 1);
  const std::string digits = number.starts_with("0x") ? number.substr(2) : number;
  return digits.find_first_not_of("0- ") != digits.npos && digits.find_first_not_of("fF- ") != digits.npos;
}

std::string assigned_number(const DeviceInfo& info) {
  for (const auto prefix : kAssigned) {
    if (!info.wwn.starts_with(prefix)) continue;
    std::string out = trimmed_lower(std::string_view(info.wwn).substr(prefix.size()));
    return is_telling(out) ? out : "";
  }
  return "";
}

std::string known_by(const DeviceInfo& info) {
  if (std::string number = assigned_number(info); !number.empty()) return number;
  const std::string serial = trimmed(info.serial);
  if (serial.empty()) return "";
  return fmt::format("{}\n{}\n{}", trimmed(info.vendor), trimmed(info.model), serial);
}

bool is_confirmed(const DeviceInfo& info, const std::vector<std::string>& words) {
  const std::string serial = trimmed_lower(info.serial);
  const std::string wwn = without_prefix(trimmed_lower(info.wwn));
  if (serial.empty() && wwn.empty()) return true;
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const std::string given = trimmed_lower(word);
    return !given.empty() && (given == serial || (!wwn.empty() && without_prefix(given) == wwn));
  });
}

}  // namespace spliced::device
