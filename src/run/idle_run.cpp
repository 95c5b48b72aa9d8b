// SPDX-License-Identifier: Apache-2.0
#include "run.h"

namespace spliced::run {

void IdleRun::set_reason(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!ended_) reason_ = reason;
}

void IdleRun::end(State state, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = state;
  reason_ = reason;
}

std::string IdleRun::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_.empty() ? shown_.reason : reason_;
}

bool IdleRun::finished() const {
  const std::lock_guard lock(mutex_);
  return stopped_ || ended_;
}

bool IdleRun::failed() const {
  const std::lock_guard lock(mutex_);
  return ended_ == State::failed;
}

State IdleRun::outcome(State stopped) const {
  const std::lock_guard lock(mutex_);
  return ended_.value_or(stopped);
}

State IdleRun::state_in(State job) const {
  const std::lock_guard lock(mutex_);
  if (ended_) return *ended_;
  return job == State::running || job == State::paused ? State::queued : job;
}

DeviceSnapshot IdleRun::snapshot(util::Nanos, State state, Detail) const {
  DeviceSnapshot out = shown_;
  out.state = state;
  out.reason = reason();
  out.eta_seconds.reset();
  for (OpSnapshot& op : out.ops) {
    if (!is_final(state)) op.bytes_per_second = op.operations_per_second = 0;
  }
  return out;
}

}  // namespace spliced::run
