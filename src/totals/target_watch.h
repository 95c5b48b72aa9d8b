// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

#include "device_totals_registry.h"
#include "spliced/device/target_admission.h"

namespace spliced::totals {

// What is known of a disk without asking it.
[[nodiscard]] device::TargetFacts facts_of(const device::BlockNode& node);

// Keeps what the registry says of targets that nothing runs on true: disks come, grow and go, and so do files. Looks
// when it is asked to, not more often than every kInterval, and where there are thousands of disks for a small part of
// the time only. Thread-safe.
class TargetWatch {
 public:
  static constexpr util::Nanos kInterval = util::kSecond / 2;
  static constexpr util::Nanos kRest = 20;                       // times as long as a look took, before the next
  static constexpr util::Nanos kPatience = util::kSecond / 100;  // with one file,
  static constexpr util::Nanos kLimit = util::kSecond / 25;      // and with all of them

  // Both must outlive it.
  TargetWatch(const device::TargetAdmission& admission, DeviceTotalsRegistry& registry)
      : admission_(admission), registry_(registry) {}

  // Devices by sysfs, which does not wait for a disk; files by stat(2), on threads for what may not answer: one that
  // does not within the bounds stays as it was. `now`: of the monotonic clock.
  void look(util::Nanos now);

 private:
  void look_at_devices(const std::vector<device::TargetFacts>& known, util::Nanos now);
  void look_at_files(const std::vector<device::TargetFacts>& known);

  const device::TargetAdmission& admission_;
  DeviceTotalsRegistry& registry_;
  std::atomic<bool> looking_{false};  // the others go on with what is known
  util::Nanos next_ = 0;              // of the one who looks
};

}  // namespace spliced::totals
