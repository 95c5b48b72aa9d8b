// SPDX-License-Identifier: Apache-2.0
#include "job/trial.h"

#include <gtest/gtest.h>

#include "spliced/util/random.h"

namespace spliced::job {
namespace {

using util::Nanos;

// Runs a trial whose ways take `nanos_per_kib` and returns how long it took.
Nanos run(Trial& trial, const std::vector<Nanos>& nanos_per_kib, std::uint64_t kib = 64) {
  Nanos total = 0;
  for (int i = 0; i < 1'000'000 && !trial.ended(); ++i) {
    const Nanos time = nanos_per_kib[trial.way()] * static_cast<Nanos>(kib);
    trial.note(kib * 1024, time);
    total += time;
  }
  EXPECT_TRUE(trial.ended());
  return total;
}

TEST(Trial, FindsTheFastest) {
  for (std::size_t fastest = 0; fastest < 3; ++fastest) {
    std::vector<Nanos> times{200, 200, 200};
    times[fastest] = 100;
    Trial trial(3);
    run(trial, times);
    EXPECT_EQ(trial.best(), fastest);
  }
}

TEST(Trial, TheFirstWinsWhenTheGainIsNotWorthIt) {
  Trial close(2);
  run(close, {1000, 990});
  EXPECT_EQ(close.best(), 0U);
  Trial apart(2);
  run(apart, {1000, 980});
  EXPECT_EQ(apart.best(), 1U);
}

TEST(Trial, TellsTheTimes) {
  Trial trial(2);
  run(trial, {1024, 2048});
  EXPECT_EQ(trial.nanos_per_byte(), (std::vector<double>{1, 2}));
}

TEST(Trial, IsCheapOnAFastDevice) {
  Trial trial(3);
  EXPECT_LT(run(trial, {100, 110, 120}), 100 * Trial::kSlice);
}

TEST(Trial, EndsInTimeOnASlowDevice) {
  Trial trial(3);
  // 40 ms for each I/O: a few rounds, and not all.
  EXPECT_LT(run(trial, {625'000, 625'000, 625'000}), 2 * Trial::kPatience);
}

TEST(Trial, ADisturbanceDoesNotDecide) {
  util::Random random(5);
  int found = 0;
  for (int repeat = 0; repeat < 100; ++repeat) {
    Trial trial(3);
    while (!trial.ended()) {
      // The second way is the fastest; every fourth slice or so is disturbed by something else.
      const bool disturbed = random.below(1000) < 3;
      const Nanos time = (trial.way() == 1 ? 8000 : 10'000) + (disturbed ? 500'000 : 0);
      trial.note(65536, time);
    }
    EXPECT_NE(trial.best(), 2U);
    found += trial.best() == 1U ? 1 : 0;
  }
  EXPECT_GT(found, 85);
}

TEST(Trial, NoiseAloneRarelyDecides) {
  util::Random random(7);
  int misled = 0;
  for (int repeat = 0; repeat < 200; ++repeat) {
    Trial trial(4);
    // All ways are alike; each I/O takes between one and two slices.
    while (!trial.ended()) trial.note(65536, Trial::kSlice + static_cast<Nanos>(random.below(Trial::kSlice)));
    misled += trial.best() == 0U ? 0 : 1;
  }
  EXPECT_LT(misled, 50);
}

TEST(Trial, WhatCameFirstDoesNotCount) {
  Trial trial(2);
  trial.note(4096, 10 * Trial::kSlice);
  trial.note(4096, 10 * Trial::kSlice);
  run(trial, {1024, 1024});
  EXPECT_EQ(trial.nanos_per_byte()[0], 1.0);
}

TEST(Trial, ADeviceThatIsTooSlowToTellIsNotWaitedFor) {
  Trial trial(3);
  // A second for each I/O.
  EXPECT_LT(run(trial, {15'625'000, 15'625'000, 1}), Trial::kPatience + 2 * util::kSecond);
  EXPECT_FALSE(trial.best());
}

TEST(Trial, FailuresUseUpThePatience) {
  Trial trial(3);
  trial.note_failure(Trial::kPatience / 2);
  EXPECT_FALSE(trial.ended());
  trial.note_failure(Trial::kPatience / 2);
  EXPECT_TRUE(trial.ended());
  EXPECT_FALSE(trial.best());
}

TEST(Trial, WhatFailedIsNotMeasured) {
  Trial trial(2);
  trial.note(4096, Trial::kLongSlice);  // warms up
  while (!trial.ended()) {
    trial.note(4096, Trial::kSlice / 2);  // slower than what follows, in every slice
    trial.note_failure(Trial::kSlice / 100);
    const std::size_t way = trial.way();
    for (int i = 0; i < 16; ++i) trial.note(way == 0 ? 65536 : 32768, 65536);  // just a slice
  }
  EXPECT_EQ(trial.nanos_per_byte(), (std::vector<double>{1, 2}));
}

TEST(Trial, NothingMovedSaysNothing) {
  Trial trial(2);
  for (int i = 0; i < 1000; ++i) trial.note(0, Trial::kSlice);
  EXPECT_FALSE(trial.ended());
  EXPECT_EQ(trial.nanos_per_byte(), (std::vector<double>{0, 0}));
  EXPECT_FALSE(trial.best());
}

}  // namespace
}  // namespace spliced::job
