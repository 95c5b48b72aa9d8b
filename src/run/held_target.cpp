// SPDX-License-Identifier: Apache-2.0
#include "held_target.h"

#include <functional>

namespace spliced::run {

using util::Nanos;
using util::Result;

namespace {

constexpr Nanos kGiveBack = util::kSecond / 4;  // closing may write back, and nobody waits for that

using Step = std::function<util::Status(device::OpenTarget&)>;

StepInProgress begin_step(const HeldTarget& target, Step step) {
  return {*target.thread, [open = target.open, step = std::move(step)]() -> Result<Found> {
            try {
              if (auto status = step(*open); !status) return tl::unexpected(status.error());
              return Found{open->facts, open->safety_read_bytes};
            } catch (const std::exception& error) {
              return util::fail(util::Errc::internal, error.what());
            }
          }};
}

}  // namespace

HeldTarget::~HeldTarget() {
  if (!open) return;
  open.reset();
  if (thread->here()) return;
  (void)device::Answer<bool>(*thread, [] { return true; }).wait(util::system_clock().now() + kGiveBack);
}

HoldInProgress begin_to_hold(device::TargetAdmission& admission, const std::string& path,
                             const TargetRequest& request) {
  const auto claim = [&admission, path, request](const device::DeviceThreadPtr& thread) -> Result<HeldTarget> {
    // Another name of the same device does not lead to a second look at it.
    const auto right = admission.look_alone(path, request.until);
    if (!right) return tl::unexpected(right.error());
    auto target = admission.claim(path, request.access, request.job_id, *request.host);
    if (!target) return tl::unexpected(target.error());
    HeldTarget held;
    held.facts = target->facts;
    held.safety_read_bytes = target->safety_read_bytes;
    held.thread = thread;
    held.open = device::keep_on(thread, std::move(*target));
    return held;
  };
  return {admission.lookout(), path, request.until, claim};
}

StepInProgress begin_to_create(device::TargetAdmission& admission, const HeldTarget& target,
                               const TargetRequest& request) {
  return begin_step(target, [&admission, request](device::OpenTarget& open) {
    return admission.create(open, request.access, request.job_id, *request.host);
  });
}

StepInProgress begin_to_confirm(device::TargetAdmission& admission, const HeldTarget& target,
                                const TargetRequest& request) {
  return begin_step(target, [&admission, request](device::OpenTarget& open) {
    return admission.confirm(open, request.access, *request.host);
  });
}

util::Status end_step(StepInProgress& step, HeldTarget& target, Nanos until) {
  const Nanos since = util::system_clock().now();
  auto found = step.wait(until);
  if (!found) return device::does_not_answer(target.facts.path, since);
  if (!*found) return tl::unexpected((*found).error());
  target.facts = (*found)->facts;
  target.safety_read_bytes = (*found)->safety_read_bytes;
  return {};
}

}  // namespace spliced::run
