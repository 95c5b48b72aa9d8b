// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>

namespace spliced::util {

// Nanoseconds of CLOCK_MONOTONIC. 0 means "not set".
using Nanos = std::int64_t;
inline constexpr Nanos kSecond = 1'000'000'000;
// Of the clock on the wall, which can be set.
using WallTime = std::chrono::system_clock::time_point;

// Time and sleep, injected so that a test advances a fake clock instead of sleeping. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Nanos now() = 0;
  // Sleeps until `when`; may return early when a signal arrives. The caller looks at its stop token and calls again.
  virtual void sleep_until(Nanos when) = 0;
};

// The kernel's clock. The object has no state and lives as long as the program.
[[nodiscard]] Clock& system_clock();

// Its time, for what no test has to wait for.
[[nodiscard]] inline Nanos now() {
  return system_clock().now();
}

// Wall-clock time of a monotonic instant, as of now (the two clocks drift apart over time).
[[nodiscard]] WallTime to_wall_time(Nanos monotonic, Nanos now);

}  // namespace spliced::util
