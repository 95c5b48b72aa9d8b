// SPDX-License-Identifier: Apache-2.0
#include "job_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace spliced::job {

bool may_follow(State from, State to) {
  if (is_final(from)) return false;
  if (is_final(to)) return true;
  switch (to) {
    case State::running: return from == State::queued || from == State::pending || from == State::paused;
    case State::paused: return from == State::running;
    case State::stopping: return from != State::stopping;
    default: return false;
  }
}

void JobState::transition(State next) {
  if (!may_follow(state, next)) {
    throw std::logic_error(fmt::format("{} cannot follow {}", state_name(next), state_name(state)));
  }
  state = next;
}

namespace {

// Of the verdict `wanted`: the device's own reason where there is one device, else how many there are and the first.
std::string reason_of(const std::vector<DeviceEnd>& devices, Verdict wanted) {
  const auto is = [&](const DeviceEnd& device) { return device.verdict == wanted; };
  const auto first = std::find_if(devices.begin(), devices.end(), is);
  if (devices.size() == 1) return first->reason;
  return fmt::format(
      "{} of {} devices have {}; {}: {}", std::count_if(devices.begin(), devices.end(), is), devices.size(),
      wanted == Verdict::none ? "no verdict"
                              : fmt::format("the verdict {}", kVerdictNames[static_cast<std::size_t>(wanted)]),
      first->name, first->reason);
}

}  // namespace

// A disk that has failed stays so when the job is cancelled: the verdict is of the devices alone.
void JobState::conclude(const std::vector<DeviceEnd>& devices) {
  const auto ended_as = [&](State wanted) {
    return std::count_if(devices.begin(), devices.end(), [&](auto& device) { return device.state == wanted; });
  };
  const bool stopped = state == State::stopping;
  std::vector<Verdict> verdicts;
  for (const auto& device : devices) verdicts.push_back(device.verdict);
  verdict = verdict::worst_of(verdicts);
  if (ended_as(State::succeeded) == static_cast<std::ptrdiff_t>(devices.size())) {
    transition(State::succeeded);
    if (verdict != Verdict::pass) reason = reason_of(devices, verdict);
  } else if (stopped) {
    transition(stop_state);
    reason = stop_state == State::interrupted ? "the daemon was stopped" : "cancelled on request";
    if (verdict == Verdict::fail) reason += "; " + reason_of(devices, verdict);
  } else if (ended_as(State::failed) == 0 && ended_as(State::interrupted) != 0) {
    transition(State::interrupted);
    const auto first =
        std::find_if(devices.begin(), devices.end(), [](auto& device) { return device.state == State::interrupted; });
    reason = devices.size() == 1
                 ? first->reason
                 : fmt::format("{} of {} devices were not gone on with; {}: {}", ended_as(State::interrupted),
                               devices.size(), first->name, first->reason);
  } else {
    transition(State::failed);
    reason = fmt::format("{} of {} devices failed", ended_as(State::failed), devices.size());
  }
}

}  // namespace spliced::job
