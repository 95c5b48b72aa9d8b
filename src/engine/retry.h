// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stop_token>

#include "spliced/engine/syscalls.h"
#include "spliced/util/tally.h"

namespace spliced::engine {

// Bounds of the waits of one system call that answers EAGAIN or ENODATA. A medium error is ENODATA too, and a dying
// disk must not be asked many times.
inline constexpr int kMaxAgainWaits = 64;
inline constexpr int kMaxNoDataWaits = 3;
inline constexpr int kMaxWaitMs = 16;

// The errors that are waited out for a bounded time, and how often each was.
inline constexpr std::array<int, 3> kRetryErrors{EAGAIN, ENODATA, EINTR};
using RetryCounters = std::array<util::Tally, kRetryErrors.size()>;

// What one system call came to once EINTR, EAGAIN and ENODATA were dealt with.
struct CallResult {
  ssize_t value = -1;
  int error = 0;         // errno when value < 0
  bool stopped = false;  // the stop token was set when the call was interrupted
  [[nodiscard]] bool ok() const { return value >= 0; }
};
// No call was made: the job is to end, and nothing is under way.
inline constexpr CallResult kNotBegun{-1, 0, true};

// Repeats a call that was interrupted, and waits a bounded time for one that is not ready. Never a busy loop: a disk
// and a file are always "ready" for poll(2), so the waits are timed, 1 ms growing to kMaxWaitMs.
class Retry {
 public:
  Retry(Syscalls& sys, RetryCounters& counters, std::stop_token stop)
      : sys_(sys), counters_(counters), stop_(std::move(stop)) {}

  [[nodiscard]] bool stopping() const { return stop_.stop_requested(); }

  template <class Call>
  [[nodiscard]] CallResult operator()(Call&& call) const {
    const ssize_t value = call();
    if (value < 0) [[unlikely]]
      return again(call, errno);
    return {value, 0, false};
  }

 private:
  // Out of the way of the code that runs for every call.
  template <class Call>
  [[nodiscard, gnu::cold, gnu::noinline]] CallResult again(Call&& call, int error) const {
    int waits = 0;
    for (;;) {
      const int bound = error == EAGAIN ? kMaxAgainWaits : error == ENODATA ? kMaxNoDataWaits : 0;
      if (error != EINTR && waits >= bound) return {-1, error, false};
      count(error);
      if (stop_.stop_requested()) return {-1, error, true};
      if (error != EINTR) sys_.wait_ms(std::min(1 << std::min(waits++, 10), kMaxWaitMs));
      // The signal that comes with a stop may have ended the wait; it will not come again for the call.
      if (stop_.stop_requested()) return {-1, error, true};
      const ssize_t value = call();
      if (value >= 0) return {value, 0, false};
      error = errno;
    }
  }
  void count(int error) const {
    for (std::size_t i = 0; i < kRetryErrors.size(); ++i) {
      if (kRetryErrors[i] == error) counters_[i].add();
    }
  }

  Syscalls& sys_;
  RetryCounters& counters_;
  std::stop_token stop_;
};

}  // namespace spliced::engine
