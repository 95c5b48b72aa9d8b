// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "flight.h"
#include "spliced/util/clock.h"

namespace spliced::engine {

// The clock of one engine, read as seldom as can be: when a run begins, and where something ends. What the time between
// two readings was spent on is the caller's to say.
class Stopwatch {
 public:
  Stopwatch(util::Clock& clock, Flight& flight) : clock_(clock), flight_(flight) {}

  // `until` 0: the time is never up.
  void start(util::Nanos until) {
    until_ = until;
    set(clock_.now());
  }
  // The time since the last reading.
  [[nodiscard]] util::Nanos lap() {
    const util::Nanos before = last_;
    set(clock_.now());
    return last_ - before;
  }
  [[nodiscard]] util::Nanos last() const { return last_; }
  // Whether the time was up at the last reading.
  [[nodiscard]] bool over() const { return until_ != 0 && last_ >= until_; }
  void stop() { flight_.since.store(0, std::memory_order_relaxed); }

 private:
  void set(util::Nanos now) {
    last_ = now;
    flight_.since.store(now, std::memory_order_relaxed);
  }

  util::Clock& clock_;
  Flight& flight_;
  util::Nanos last_ = 0;
  util::Nanos until_ = 0;
};

}  // namespace spliced::engine
