// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pacer.h"

#include <gtest/gtest.h>

#include <limits>

namespace spliced::workload {
namespace {

using util::kSecond;
using util::Nanos;

constexpr Nanos kStart = 1'000 * kSecond;
constexpr std::uint64_t kTrillion = 1'000'000'000'000;
constexpr BlockRange kRange{0, 1ULL << 40, 4096};
constexpr std::uint64_t kRangeBlocks = (1ULL << 40) / 4096;

WorkloadSpec spec_with(std::uint64_t rate, std::uint64_t rate_iops) {
  WorkloadSpec spec;
  spec.rate = rate;
  spec.rate_iops = rate_iops;
  return spec;
}

Pacer pacer_for(std::uint64_t rate, std::uint64_t rate_iops, const BlockRange& range = kRange) {
  return {spec_with(rate, rate_iops), range, kStart};
}

TEST(Pacer, IsPacedWhenARateIsSet) {
  EXPECT_FALSE(pacer_for(0, 0).paced());
  EXPECT_TRUE(pacer_for(1, 0).paced());
  EXPECT_TRUE(pacer_for(0, 1).paced());
  EXPECT_TRUE(pacer_for(1, 1).paced());
}

TEST(Pacer, TheFirstBlockIsDueAtTheStart) {
  EXPECT_EQ(pacer_for(100, 0).due(0, util::Op::read), kStart);
  EXPECT_EQ(pacer_for(0, 100).due(0, util::Op::read), kStart);
  EXPECT_EQ(pacer_for(100, 100).due(0, util::Op::read), kStart);
}

TEST(Pacer, BlocksAreDueAtEqualDistances) {
  const Pacer pacer = pacer_for(0, 1'000);
  for (std::uint64_t i = 0; i < 5'000; ++i)
    ASSERT_EQ(pacer.due(i, util::Op::read), kStart + static_cast<Nanos>(i) * 1'000'000);
}

TEST(Pacer, ABlockIsDueWhenTheBytesBeforeItHadTheirTime) {
  const Pacer pacer = pacer_for(4'096'000, 0);
  for (std::uint64_t i = 0; i < 5'000; ++i)
    ASSERT_EQ(pacer.due(i, util::Op::read), kStart + static_cast<Nanos>(i) * 1'000'000);
}

// A short last block takes its part of the time, in every round.
TEST(Pacer, CountsTheBytesOfShortBlocks) {
  const Pacer pacer = pacer_for(4'096'000, 0, {0, 10 * 4096 - 2048, 4096});
  EXPECT_EQ(pacer.due(9, util::Op::read), kStart + 9'000'000);
  EXPECT_EQ(pacer.due(10, util::Op::read), kStart + 9'500'000);
  EXPECT_EQ(pacer.due(20, util::Op::read), kStart + 19'000'000);
}

TEST(Pacer, TheSlowerOfTwoRatesCounts) {
  const Pacer by_bytes = pacer_for(4'096'000, 2'000);  // 1000 blocks of 4 KiB per second
  const Pacer by_operations = pacer_for(4'096'000, 500);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(by_bytes.due(i, util::Op::read), kStart + static_cast<Nanos>(i) * 1'000'000);
    ASSERT_EQ(by_operations.due(i, util::Op::read), kStart + static_cast<Nanos>(i) * 2'000'000);
  }
}

TEST(Pacer, BeginsWhereItIsTold) {
  for (const bool by_bytes : {false, true}) {
    const Pacer pacer(by_bytes ? spec_with(4'096'000, 0) : spec_with(0, 1'000), kRange, kStart, 3 * kRangeBlocks + 77);
    EXPECT_EQ(pacer.due(3 * kRangeBlocks + 77, util::Op::read), kStart);
    EXPECT_EQ(pacer.due(3 * kRangeBlocks + 79, util::Op::read), kStart + 2'000'000);
  }
}

TEST(Pacer, APauseMovesWhatIsDueInIt) {
  Pacer pacer = pacer_for(0, 10);
  pacer.pause(kStart + 1, kStart + 1 + kSecond, 1, util::Op::read);
  EXPECT_EQ(pacer.due(1, util::Op::read), kStart + 1 + kSecond);
  EXPECT_EQ(pacer.due(2, util::Op::read), kStart + 1 + kSecond + kSecond / 10) << "and the rest";
}

TEST(Pacer, APauseThatEndsInTimeMovesNothing) {
  Pacer pacer = pacer_for(0, 1);
  pacer.pause(kStart + 1, kStart + 1 + kSecond / 2, 1, util::Op::read);
  EXPECT_EQ(pacer.due(1, util::Op::read), kStart + kSecond);
}

TEST(Pacer, WhatWasLateBeforeAPauseIsAsLateAfterIt) {
  Pacer pacer = pacer_for(0, 10);
  const Nanos now = kStart + 5 * kSecond;  // the first took 5 s
  const Nanos late = now - pacer.due(1, util::Op::read);
  pacer.pause(now, now + kSecond, 1, util::Op::read);
  EXPECT_EQ(now + kSecond - pacer.due(1, util::Op::read), late);
}

TEST(Pacer, WithoutARateAPauseMeansNothing) {
  Pacer pacer = pacer_for(0, 0);
  pacer.pause(kStart, kStart + kSecond, 1, util::Op::read);
  EXPECT_FALSE(pacer.paced());
}

TEST(Pacer, DoesNotDriftWhenTheRateDividesBadly) {
  const Pacer pacer = pacer_for(0, 3);
  for (std::uint64_t i = 0; i < 300'000; ++i) {
    ASSERT_EQ(pacer.due(i, util::Op::read) - kStart, static_cast<Nanos>(i) * kSecond / 3);
  }
}

TEST(Pacer, RatesAboveOnePerNanosecondHold) {
  const Pacer pacer = pacer_for(0, 4'000'000'000);
  for (std::uint64_t i = 0; i < 1'000; ++i) ASSERT_EQ(pacer.due(i, util::Op::read), kStart + static_cast<Nanos>(i / 4));
}

TEST(Pacer, IsExactAfterATrillionBlocks) {
  // (10^12 + 123) * 10^9 / (7 * 10^6) = (10^12 + 123) * 1000 / 7
  EXPECT_EQ(pacer_for(0, 7'000'000).due(kTrillion + 123, util::Op::read),
            kStart + static_cast<Nanos>((kTrillion + 123) * 1'000 / 7));
  // 4096 bytes each at 3 bytes per nanosecond
  EXPECT_EQ(pacer_for(3'000'000'000, 0).due(kTrillion, util::Op::read),
            kStart + static_cast<Nanos>(kTrillion * 4096 / 3));
}

// What is due after more than 292 years would come out as past if it were cut to 64 bits.
TEST(Pacer, VerySlowRatesDoNotWrapIntoThePast) {
  EXPECT_GT(pacer_for(1, 0).due(10'000'000'000, util::Op::read), kStart);
  EXPECT_GT(pacer_for(0, 1).due(12'000'000'000, util::Op::read), kStart);
  EXPECT_GT(pacer_for(1, 1).due(std::numeric_limits<std::uint64_t>::max() - 1, util::Op::read), kStart);
}

// The pacer is not told the time: however late a block is, the next ones are due as planned.
TEST(Pacer, AStallDoesNotMoveTheSchedule) {
  const Pacer pacer = pacer_for(0, 100);
  const Nanos before = pacer.due(10, util::Op::read);
  EXPECT_EQ(pacer.due(10, util::Op::read), before) << "asking changes nothing";
  EXPECT_EQ(before, kStart + kSecond / 10);
}

TEST(Pacer, FollowsItsStart) {
  for (const Nanos start : {Nanos{0}, Nanos{1}, kStart, Nanos{1} << 61}) {
    EXPECT_EQ(Pacer(spec_with(0, 10), kRange, start).due(1, util::Op::read), start + kSecond / 10);
  }
}

TEST(Pacer, ARateOfOneWayIsItsOwn) {
  WorkloadSpec spec = spec_with(0, 0);
  spec.rate_iops = RateLimit(PerOp(10, 1000, 0));
  const Pacer reading(spec, kRange, kStart);
  EXPECT_TRUE(reading.paced());
  EXPECT_EQ(reading.due(5, util::Op::read), kStart + kSecond / 2);
  spec.rw = Mode::write;
  EXPECT_EQ(Pacer(spec, kRange, kStart).due(5, util::Op::write), kStart + 5'000'000);
  spec.rate_iops = RateLimit(PerOp(0, 0, 9));
  EXPECT_EQ(Pacer(spec, kRange, kStart).due(5, util::Op::write), kStart) << "nothing is trimmed";
}

TEST(Pacer, OfAMixEachWayGoesByItsShare) {
  WorkloadSpec spec = spec_with(0, 0);
  spec.rw = Mode::randrw;
  spec.rwmixread = 80;
  spec.bs = PerOp(4096, 65'536, 4096);
  spec.rate = RateLimit(PerOp(40'960, 655'360, 0));  // ten of each in a second
  const Pacer pacer(spec, kRange, kStart);
  EXPECT_EQ(pacer.due(1'000, util::Op::read), kStart + 80 * kSecond);
  EXPECT_EQ(pacer.due(1'000, util::Op::write), kStart + 20 * kSecond);
  spec.rate = 1'638'400;  // on the mean, a block has 16384 bytes
  EXPECT_EQ(Pacer(spec, kRange, kStart).due(1'000, util::Op::write), kStart + 1'000 * kSecond * 16'384 / 1'638'400);
}

}  // namespace
}  // namespace spliced::workload
