// SPDX-License-Identifier: Apache-2.0
// From what was measured to a verdict. Pure functions.
#pragma once
#include <string>
#include <vector>

#include "spliced/job/snapshot.h"

namespace spliced::job {

// What a device, or a job of several, came to.
struct Judgement {
  Verdict verdict = Verdict::none;
  std::string reason;  // why it is no PASS; "" for one, and for what is still running
  std::vector<CriterionResult> criteria;
};

// Judges a device by its state and counts. `host_errors`: how many of its errors were of the daemon's own means. They
// say nothing of the device and count in no criterion, but where there was one, the device was not tried as it was to
// be. `unmeasured`: nor was it for another reason, which is the run's.
[[nodiscard]] Judgement judge(const JobSpec& spec, const DeviceSnapshot& device, std::uint64_t host_errors = 0,
                              bool unmeasured = false);

// FAIL before none before PASS. Of no devices: none.
[[nodiscard]] Verdict worst_of(const std::vector<Verdict>& verdicts);

}  // namespace spliced::job
