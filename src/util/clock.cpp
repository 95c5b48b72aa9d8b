// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/clock.h"

#include <time.h>

namespace spliced::util {
namespace {

class SystemClock final : public Clock {
 public:
  Nanos now() override {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<Nanos>(ts.tv_sec) * kSecond + ts.tv_nsec;
  }
  void sleep_until(Nanos when) override {
    timespec ts{};
    ts.tv_sec = when / kSecond;
    ts.tv_nsec = when % kSecond;
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr);
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

std::chrono::system_clock::time_point to_wall_time(Nanos monotonic, Nanos now) {
  const auto ago = std::chrono::nanoseconds(now - monotonic);
  return std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

}  // namespace spliced::util
