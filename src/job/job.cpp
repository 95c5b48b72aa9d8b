// SPDX-License-Identifier: Apache-2.0
#include "job.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace spliced::job {

bool may_follow(State from, State to) {
  if (is_final(from)) return false;
  if (is_final(to)) return true;
  switch (to) {
    case State::running: return from == State::pending || from == State::paused;
    case State::paused: return from == State::running;
    case State::stopping: return from != State::stopping;
    default: return false;
  }
}

util::Status may_submit(const JobSpec& spec, const access::Principal& who) {
  const auto needed = spec.destructive ? access::Scope::destroy : access::Scope::run;
  if (who.may(needed)) return {};
  return util::refuse(
      util::Reason::forbidden,
      fmt::format("a job that {} needs the scope {}; {} has {}", spec.destructive ? "is destructive" : "only reads",
                  access::scope_name(needed), who.name, access::scope_name(who.scope)));
}

util::Status may_control(const Job& job, const access::Principal& who) {
  if (who.may_control(job.created_by)) return {};
  return util::refuse(
      util::Reason::forbidden,
      fmt::format("job {} is that of {}; to stop or delete it, {} needs the scope destroy and has {}", job.id,
                  job.created_by.empty() ? "somebody else" : job.created_by, who.name, access::scope_name(who.scope)));
}

void Job::transition(State next) {
  if (!may_follow(state, next)) {
    throw std::logic_error(fmt::format("job {}: {} cannot follow {}", id, state_name(next), state_name(state)));
  }
  state = next;
}

JobSnapshot Job::header(util::Nanos now) const {
  JobSnapshot out;
  out.id = id;
  out.sequence = sequence;
  out.spec = spec;
  out.state = state;
  out.verdict = verdict;
  out.reason = reason;
  out.created_at = created_at;
  out.created_by = created_by;
  out.started_at = started_at;
  out.ended_at = ended_at;
  if (started_now != 0) out.elapsed = (ended_now != 0 ? ended_now : now) - started_now;
  return out;
}

namespace {

// Of the verdict `wanted`: the device's own reason where there is one device, else how many there are and the first.
std::string reason_of(const std::vector<DeviceEnd>& devices, Verdict wanted) {
  const auto is = [&](const DeviceEnd& device) { return device.verdict == wanted; };
  const auto first = std::find_if(devices.begin(), devices.end(), is);
  if (devices.size() == 1) return first->reason;
  return fmt::format("{} of {} devices have {}; {}: {}", std::count_if(devices.begin(), devices.end(), is),
                     devices.size(), wanted == Verdict::fail ? "the verdict FAIL" : "no verdict", first->name,
                     first->reason);
}

}  // namespace

// A disk that has failed stays so when the job is cancelled: the verdict is of the devices alone.
void Job::conclude(const std::vector<DeviceEnd>& devices) {
  const auto ended_as = [&](State wanted) {
    return std::count_if(devices.begin(), devices.end(), [&](auto& device) { return device.state == wanted; });
  };
  const bool stopped = state == State::stopping;
  std::vector<Verdict> verdicts;
  for (const auto& device : devices) verdicts.push_back(device.verdict);
  verdict = worst_of(verdicts);
  if (ended_as(State::succeeded) == static_cast<std::ptrdiff_t>(devices.size())) {
    transition(State::succeeded);
    if (verdict != Verdict::pass) reason = reason_of(devices, verdict);
  } else if (stopped) {
    transition(stop_state);
    reason = stop_state == State::interrupted ? "the daemon was stopped" : "cancelled on request";
    if (verdict == Verdict::fail) reason += "; " + reason_of(devices, verdict);
  } else {
    transition(State::failed);
    reason = fmt::format("{} of {} devices failed", ended_as(State::failed), devices.size());
  }
}

}  // namespace spliced::job
