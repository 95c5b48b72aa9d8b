// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "spliced/device/target_admission.h"

namespace spliced::run {

// A target that a job holds, on a thread of its own, which opened it, starts its workers and closes it in the end.
// Given back by the destructor, which waits a moment for that, so that whoever comes next finds it free.
//
// Each step looks at the target on its thread, until `until` at the longest; an error says so when the target does not
// answer. The thread then keeps what it has, and gives it back by itself.
struct HeldTarget {
  device::TargetFacts facts;
  std::uint64_t safety_read_bytes = 0;  // see OpenTarget
  device::DeviceThreadPtr thread;
  std::shared_ptr<device::OpenTarget> open;  // used on `thread` alone

  HeldTarget() = default;
  HeldTarget(HeldTarget&&) noexcept = default;
  HeldTarget& operator=(HeldTarget&&) noexcept = default;
  ~HeldTarget();
};

// What all targets of a job are looked at with.
struct TargetRequest {
  device::Access access;
  std::string job_id;
  std::shared_ptr<const device::BlockTopology> host;
  util::Nanos until = 0;
};

using HoldInProgress = device::Look<HeldTarget>;
// TargetAdmission::claim() of `path`.
[[nodiscard]] HoldInProgress begin_to_hold(device::TargetAdmission& admission, const std::string& path,
                                           const TargetRequest& request);

// What a step found out.
struct Found {
  device::TargetFacts facts;
  std::uint64_t safety_read_bytes = 0;
};
using StepInProgress = device::Answer<util::Result<Found>>;
// TargetAdmission::create() and TargetAdmission::confirm().
[[nodiscard]] StepInProgress begin_to_create(device::TargetAdmission& admission, const HeldTarget& target,
                                             const TargetRequest& request);
[[nodiscard]] StepInProgress begin_to_confirm(device::TargetAdmission& admission, const HeldTarget& target,
                                              const TargetRequest& request);
// The outcome of a step. Without an error `target` tells what the step found.
[[nodiscard]] util::Status end_step(StepInProgress& step, HeldTarget& target, util::Nanos until);

}  // namespace spliced::run
