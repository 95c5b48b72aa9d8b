// SPDX-License-Identifier: Apache-2.0
#include "wait_stage.h"

#include <algorithm>

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kLook = util::kSecond / 20;  // at whether it is to stop

}  // namespace

void WaitStage::began(Nanos start) {
  paused_before_ = gate_.closed_time(start);
  started_ = start;
}

// A pause of the job does not count.
Nanos WaitStage::waited(Nanos now) const {
  const Nanos started = started_;
  return passed_ + (started == 0 ? 0 : now - started - (gate_.closed_time(now) - paused_before_));
}

std::optional<Checkpoint> WaitStage::checkpoint(Nanos now) const {
  Checkpoint out;
  out.active = waited(now);
  return out;
}

bool WaitStage::wait(Nanos until) {
  for (Nanos now = clock_.now(); !stopped_ && waited(now) < time_; now = clock_.now()) {
    if (now >= until) return false;
    clock_.sleep_until(now + std::min(kLook, time_ - waited(now)));
  }
  return true;
}

StageEvidence WaitStage::evidence(Nanos, bool done) const {
  StageEvidence out;
  out.done = done;
  return out;
}

StageSnapshot WaitStage::snapshot(Nanos now, State state, Detail) const {
  StageSnapshot out;
  out.name = name_;
  const Nanos started = started_;
  out.state = started == 0 && !is_final(state) ? State::pending : state;
  const Nanos passed = std::clamp<Nanos>(waited(now), 0, time_);
  out.progress = state == State::succeeded || time_ == 0 ? 1 : static_cast<double>(passed) / static_cast<double>(time_);
  if (!is_final(state)) out.eta_seconds = static_cast<double>(time_ - passed) / 1e9;
  return out;
}

}  // namespace spliced::run
