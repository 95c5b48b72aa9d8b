// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "spliced/device/target.h"
#include "spliced/util/clock.h"

namespace spliced::device {

// The composite temperature of a disk, where the kernel has it (hwmon: the drivers nvme, and drivetemp for SATA). An
// ordinary value.
class Thermometer {
 public:
  Thermometer() = default;  // none
  // Of the disk that a block device is, or is a part of. Looks at sysfs alone.
  [[nodiscard]] static Thermometer of(const TargetFacts& facts, const std::string& sysfs = "/sys");

  [[nodiscard]] bool exists() const { return !input_.empty(); }
  // How often it may be read: a SATA disk stops all else for it (the command is no NCQ command), an NVMe device does
  // not.
  [[nodiscard]] util::Nanos period() const { return stops_io_ ? 60 * util::kSecond : 10 * util::kSecond; }
  [[nodiscard]] bool stops_io() const { return stops_io_; }
  // °C; none where it cannot be read now, or says what no disk has. Asks the disk, and takes as long as that does.
  [[nodiscard]] std::optional<int> read() const;

 private:
  std::string input_;  // "": there is none
  bool stops_io_ = false;
};

}  // namespace spliced::device
