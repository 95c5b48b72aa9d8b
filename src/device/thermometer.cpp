// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/thermometer.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace spliced::device {
namespace {

namespace fs = std::filesystem;

constexpr long kColdest = -40, kHottest = 125;  // °C; beyond, a sensor does not work

// The first of hwmon*/temp1_input: of several sensors the first is the composite one (Documentation/hwmon/nvme.rst).
std::string input_in(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!entry.path().filename().string().starts_with("hwmon")) continue;
    const fs::path input = entry.path() / "temp1_input";
    if (fs::exists(input, error)) found.push_back(input);
  }
  return found.empty() ? "" : *std::min_element(found.begin(), found.end());
}

}  // namespace

// Where the directory lies differs by kernel.
Thermometer Thermometer::of(const TargetFacts& facts, const std::string& sysfs) {
  Thermometer out;
  if (!facts.block_device) return out;
  const dev_t disk = facts.whole.device;
  const std::string device = fmt::format("{}/dev/block/{}:{}/device", sysfs, major(disk), minor(disk));
  for (const char* below : {"/hwmon", "", "/device/hwmon", "/device"}) {
    out.input_ = input_in(device + below);
    if (out.exists()) break;
  }
  out.stops_io_ = facts.info.transport != "nvme";
  return out;
}

std::optional<int> Thermometer::read() const {
  if (!exists()) return std::nullopt;
  std::ifstream file(input_);
  long thousandths = 0;
  if (!(file >> thousandths)) return std::nullopt;
  const long degrees = (thousandths + (thousandths < 0 ? -500 : 500)) / 1000;
  if (degrees < kColdest || degrees > kHottest) return std::nullopt;
  return static_cast<int>(degrees);
}

}  // namespace spliced::device
