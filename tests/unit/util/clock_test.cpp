// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/clock.h"

#include <gtest/gtest.h>
#include <time.h>

namespace spliced::util {
namespace {

Nanos kernel_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<Nanos>(ts.tv_sec) * kSecond + ts.tv_nsec;
}

TEST(SystemClock, IsTheMonotonicClock) {
  for (int i = 0; i < 1'000; ++i) {
    const Nanos before = kernel_now();
    const Nanos now = system_clock().now();
    const Nanos after = kernel_now();
    ASSERT_LE(before, now);
    ASSERT_LE(now, after);
  }
}

TEST(SystemClock, IsOneObject) {
  EXPECT_EQ(&system_clock(), &system_clock());
}

TEST(SystemClock, SleepsNotBeforeTheInstant) {
  Clock& clock = system_clock();
  const Nanos when = clock.now() + 10'000;
  while (clock.now() < when) clock.sleep_until(when);
  EXPECT_GE(clock.now(), when);
}

TEST(SystemClock, DoesNotSleepForThePast) {
  Clock& clock = system_clock();
  const Nanos start = clock.now();
  for (const Nanos when : {start, start - kSecond, Nanos{0}, Nanos{1}, Nanos{-1}, -5 * kSecond})
    clock.sleep_until(when);
  EXPECT_LT(clock.now() - start, 60 * kSecond);
}

TEST(ToWallTime, CountsBackFromNow) {
  using namespace std::chrono;
  const auto before = system_clock::now();
  const auto past = to_wall_time(5 * kSecond, 65 * kSecond);
  const auto after = system_clock::now();
  EXPECT_GE(past, before - seconds(60));
  EXPECT_LE(past, after - seconds(60));
}

TEST(ToWallTime, CountsForwardToo) {
  using namespace std::chrono;
  const auto before = system_clock::now();
  const auto future = to_wall_time(65 * kSecond, 5 * kSecond);
  const auto after = system_clock::now();
  EXPECT_GE(future, before + seconds(60));
  EXPECT_LE(future, after + seconds(60));
}

}  // namespace
}  // namespace spliced::util
