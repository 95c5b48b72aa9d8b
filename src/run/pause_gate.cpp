// SPDX-License-Identifier: Apache-2.0
#include "pause_gate.h"

#include <algorithm>

namespace spliced::run {

using util::Nanos;

void PauseGate::close() {
  const std::lock_guard lock(mutex_);
  if (closed()) return;
  since_ = clock_.now();
  changes_.fetch_add(1, std::memory_order_release);
}

void PauseGate::open() {
  const std::lock_guard lock(mutex_);
  if (!closed()) return;
  before_ += std::max<Nanos>(0, clock_.now() - since_);
  changes_.fetch_add(1, std::memory_order_release);
  opened_.notify_all();
}

Nanos PauseGate::closed_time(Nanos now) const {
  const std::lock_guard lock(mutex_);
  return before_ + (closed() ? std::max<Nanos>(0, now - since_) : 0);
}

void PauseGate::pass(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  opened_.wait(lock, stop, [&] { return !closed(); });
}

}  // namespace spliced::run
