// SPDX-License-Identifier: Apache-2.0
#include "run/comparison.h"

#include <gtest/gtest.h>

#include "spliced/util/random.h"

namespace spliced::run {
namespace {

using util::Nanos;

// Runs a comparison whose candidates take `nanos_per_kib` and returns how long it took.
Nanos run(Comparison& comparison, const std::vector<Nanos>& nanos_per_kib, std::uint64_t kib = 64) {
  Nanos total = 0;
  for (int i = 0; i < 1'000'000 && !comparison.ended(); ++i) {
    const Nanos time = nanos_per_kib[comparison.candidate()] * static_cast<Nanos>(kib);
    comparison.add_sample(kib * 1024, time);
    total += time;
  }
  EXPECT_TRUE(comparison.ended());
  return total;
}

TEST(Comparison, FindsTheFastest) {
  for (std::size_t fastest = 0; fastest < 3; ++fastest) {
    std::vector<Nanos> times{200, 200, 200};
    times[fastest] = 100;
    Comparison comparison(3);
    run(comparison, times);
    EXPECT_EQ(comparison.best(), fastest);
  }
}

TEST(Comparison, TheFirstWinsWhenTheGainIsNotWorthIt) {
  Comparison close(2);
  run(close, {1000, 990});
  EXPECT_EQ(close.best(), 0U);
  Comparison apart(2);
  run(apart, {1000, 980});
  EXPECT_EQ(apart.best(), 1U);
}

TEST(Comparison, TellsTheTimes) {
  Comparison comparison(2);
  run(comparison, {1024, 2048});
  EXPECT_EQ(comparison.nanos_per_byte(), (std::vector<double>{1, 2}));
}

TEST(Comparison, IsCheapOnAFastDevice) {
  Comparison comparison(3);
  EXPECT_LT(run(comparison, {100, 110, 120}), 100 * Comparison::kSlice);
}

TEST(Comparison, WhatIsLeftOutHasNoFurtherTurn) {
  Comparison comparison(4);
  EXPECT_EQ(comparison.first_time(), 0);
  while (comparison.first_time() == 0) comparison.add_sample(1024, Comparison::kSlice);
  EXPECT_EQ(comparison.first_time(), static_cast<double>(Comparison::kSlice) / 1024);
  comparison.leave_out_from(2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_LT(comparison.candidate(), 2U);
    comparison.add_sample(1024, Comparison::kSlice);
  }
  EXPECT_EQ(comparison.nanos_per_byte().size(), 2U);
}

TEST(Comparison, AHiccupAtTheBeginningDoesNotMakeTheFirstSlow) {
  Comparison comparison(2);
  for (int i = 0; comparison.first_time() == 0; ++i) {
    EXPECT_EQ(comparison.candidate(), 0U);
    comparison.add_sample(4096, i == 2 ? 5 * Comparison::kSlice : Comparison::kSlice / 100);
  }
  EXPECT_LT(comparison.first_time(), static_cast<double>(Comparison::kSlice) / 4096);
}

TEST(Comparison, WithOneLeftThereIsNothingToCompare) {
  Comparison comparison(4);
  while (comparison.first_time() == 0) comparison.add_sample(1024, Comparison::kSlice);
  comparison.leave_out_from(1);
  EXPECT_TRUE(comparison.ended());
  EXPECT_FALSE(comparison.best());
  EXPECT_EQ(comparison.nanos_per_byte(), std::vector{comparison.first_time()});
}

TEST(Comparison, EndsInTimeOnASlowDevice) {
  Comparison comparison(3);
  // 40 ms for each I/O: a few rounds, and not all.
  EXPECT_LT(run(comparison, {625'000, 625'000, 625'000}), 2 * Comparison::kPatience);
}

TEST(Comparison, ADisturbanceDoesNotDecide) {
  util::Random random(5);
  int found = 0;
  for (int repeat = 0; repeat < 100; ++repeat) {
    Comparison comparison(3);
    while (!comparison.ended()) {
      // The second candidate is the fastest; every fourth slice or so is disturbed by something else.
      const bool disturbed = random.below(1000) < 3;
      const Nanos time = (comparison.candidate() == 1 ? 8000 : 10'000) + (disturbed ? 500'000 : 0);
      comparison.add_sample(65536, time);
    }
    EXPECT_NE(comparison.best(), 2U);
    found += comparison.best() == 1U ? 1 : 0;
  }
  EXPECT_GT(found, 85);
}

TEST(Comparison, NoiseAloneRarelyDecides) {
  util::Random random(7);
  int misled = 0;
  for (int repeat = 0; repeat < 200; ++repeat) {
    Comparison comparison(4);
    // All candidates are alike; each I/O takes between one and two slices.
    while (!comparison.ended())
      comparison.add_sample(65536, Comparison::kSlice + static_cast<Nanos>(random.below(Comparison::kSlice)));
    misled += comparison.best() == 0U ? 0 : 1;
  }
  EXPECT_LT(misled, 50);
}

TEST(Comparison, WhatCameFirstDoesNotCount) {
  Comparison comparison(2);
  comparison.add_sample(4096, 10 * Comparison::kSlice);
  comparison.add_sample(4096, 10 * Comparison::kSlice);
  run(comparison, {1024, 1024});
  EXPECT_EQ(comparison.nanos_per_byte()[0], 1.0);
}

TEST(Comparison, ADeviceThatIsTooSlowToTellIsNotWaitedFor) {
  Comparison comparison(3);
  // A second for each I/O.
  EXPECT_LT(run(comparison, {15'625'000, 15'625'000, 1}), Comparison::kPatience + 2 * util::kSecond);
  EXPECT_FALSE(comparison.best());
}

TEST(Comparison, FailuresUseUpThePatience) {
  Comparison comparison(3);
  comparison.add_failure(Comparison::kPatience / 2);
  EXPECT_FALSE(comparison.ended());
  comparison.add_failure(Comparison::kPatience / 2);
  EXPECT_TRUE(comparison.ended());
  EXPECT_FALSE(comparison.best());
}

TEST(Comparison, WhatFailedIsNotMeasured) {
  Comparison comparison(2);
  comparison.add_sample(4096, Comparison::kLongSlice);  // warms up
  while (!comparison.ended()) {
    comparison.add_sample(4096, Comparison::kSlice / 2);  // slower than what follows, in every slice
    comparison.add_failure(Comparison::kSlice / 100);
    const std::size_t candidate = comparison.candidate();
    for (int i = 0; i < 16; ++i) comparison.add_sample(candidate == 0 ? 65536 : 32768, 65536);  // just a slice
  }
  EXPECT_EQ(comparison.nanos_per_byte(), (std::vector<double>{1, 2}));
}

TEST(Comparison, NothingMovedSaysNothing) {
  Comparison comparison(2);
  for (int i = 0; i < 1000; ++i) comparison.add_sample(0, Comparison::kSlice);
  EXPECT_FALSE(comparison.ended());
  EXPECT_EQ(comparison.nanos_per_byte(), (std::vector<double>{0, 0}));
  EXPECT_FALSE(comparison.best());
}

}  // namespace
}  // namespace spliced::run
