// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

#include "spliced/util/clock.h"

namespace spliced::run {

// Knows when the daemon did not run at all: stopped by a signal, frozen in its control group, or its machine was. Told
// by ticks of the supervisor that come much too late. Nothing that took its time meanwhile is a disk's doing.
class PauseWatch {
 public:
  static constexpr util::Nanos kOverdue = util::kSecond;  // twenty rounds: more than a busy machine keeps one waiting

  // `overdue`: how late a round is that tells of a pause.
  explicit PauseWatch(util::Nanos now, util::Nanos overdue = kOverdue) : overdue_(overdue), last_tick_(now) {}

  // Called by the supervisor in every round. How long the pause was that has just ended; 0 when there was none.
  util::Nanos tick(util::Nanos now) {
    const util::Nanos last = last_tick_.load(std::memory_order_relaxed);
    const bool paused = now - last > overdue_;
    if (paused) {
      began_.store(last, std::memory_order_relaxed);
      ended_.store(now, std::memory_order_release);
    }
    last_tick_.store(now, std::memory_order_release);
    return paused ? now - last : 0;
  }

  // The rest from any thread. When the last pause ended; 0: there was none.
  [[nodiscard]] util::Nanos resumed_at() const { return ended_.load(std::memory_order_acquire); }
  // Whether something that took so long may have spanned a pause: to be asked before spans().
  [[nodiscard]] bool long_enough(util::Nanos time) const { return time >= overdue_ / 2; }
  // Whether a pause lay between the two, one that the supervisor has not come to see yet included.
  [[nodiscard]] bool spans(util::Nanos from, util::Nanos to) const {
    if (to - last_tick_.load(std::memory_order_acquire) > overdue_) return true;
    const util::Nanos ended = resumed_at();
    return ended != 0 && from < ended && to > began_.load(std::memory_order_relaxed);
  }

 private:
  const util::Nanos overdue_;
  std::atomic<util::Nanos> last_tick_;
  std::atomic<util::Nanos> began_{0}, ended_{0};  // of the last pause
};

}  // namespace spliced::run
