// SPDX-License-Identifier: Apache-2.0
#include "wait_stage.h"

#include <algorithm>

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kLook = util::kSecond / 20;  // at whether it is to stop

}  // namespace

void WaitStage::wait() {
  const Nanos end = started_ + time_;
  for (Nanos now = clock_.now(); now < end && !stopped_; now = clock_.now()) {
    clock_.sleep_until(std::min(end, now + kLook));
  }
}

StageSnapshot WaitStage::snapshot(Nanos now, State state, Detail) const {
  StageSnapshot out;
  out.name = name_;
  const Nanos started = started_;
  out.state = started == 0 && !is_final(state) ? State::pending : state;
  const Nanos passed = started == 0 ? 0 : std::clamp<Nanos>(now - started, 0, time_);
  out.progress = state == State::succeeded || time_ == 0 ? 1 : static_cast<double>(passed) / static_cast<double>(time_);
  if (!is_final(state)) out.eta_seconds = static_cast<double>(time_ - passed) / 1e9;
  return out;
}

}  // namespace spliced::run
