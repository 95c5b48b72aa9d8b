// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "spliced/util/clock.h"

namespace spliced::run {

// Holds up whatever a job does, on all of its devices, for as long as somebody wants. Time in which it is closed is no
// part of any runtime, rate or wait. Thread-safe.
class PauseGate {
 public:
  explicit PauseGate(util::Clock& clock) : clock_(clock) {}  // outlives it

  // Both do nothing when it is so already.
  void close();
  void open();
  [[nodiscard]] bool closed() const { return changes_.load(std::memory_order_acquire) % 2 == 1; }
  // How often it was closed and opened: who sees another number than before has something to make up for.
  [[nodiscard]] std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
  // For how long it has been closed until `now`, in all.
  [[nodiscard]] util::Nanos closed_time(util::Nanos now) const;
  // Returns when it is open, or `stop` is requested.
  void pass(const std::stop_token& stop);

 private:
  util::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any opened_;
  std::atomic<std::uint64_t> changes_{0};  // odd: closed
  util::Nanos since_ = 0;                  // when it was closed last
  util::Nanos before_ = 0;                 // closed time of the earlier times
};

}  // namespace spliced::run
