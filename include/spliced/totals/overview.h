// SPDX-License-Identifier: Apache-2.0
// The block devices of this machine, and what a job may do to each.
#pragma once
#include <string>
#include <vector>

#include "spliced/device/target_admission.h"
#include "spliced/util/result.h"

namespace spliced::totals {

// A disk or a target as the daemon sees it.
struct DeviceStatus {
  device::TargetFacts facts;
  bool read_only = false;
  std::vector<std::string> refusals;  // why it may not be written; empty: it may
  std::string job;                    // the job that holds it, "" for none
};

// Both look at the disks, on threads for what may not answer: a quarter of a second at one of them, two at all. A disk
// that does not answer is told so.
[[nodiscard]] std::vector<DeviceStatus> all_devices(const device::TargetAdmission& admission);
// The one of that kernel name. Error: not_found.
[[nodiscard]] util::Result<DeviceStatus> one_device(const device::TargetAdmission& admission, const std::string& name);

}  // namespace spliced::totals
