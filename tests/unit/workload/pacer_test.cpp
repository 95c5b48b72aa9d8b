// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace spliced::workload {
namespace {

using util::kSecond;
using util::Nanos;

constexpr Nanos kStart = 1'000 * kSecond;
constexpr std::uint64_t kTrillion = 1'000'000'000'000;

WorkloadSpec spec_with(std::uint64_t rate, std::uint64_t rate_iops, unsigned workers = 1) {
  WorkloadSpec spec;
  spec.rate = rate;
  spec.rate_iops = rate_iops;
  spec.workers = workers;
  return spec;
}

TEST(Pacer, IsPacedWhenARateIsSet) {
  EXPECT_FALSE(Pacer(spec_with(0, 0), {}, kStart).paced());
  EXPECT_TRUE(Pacer(spec_with(1, 0), {}, kStart).paced());
  EXPECT_TRUE(Pacer(spec_with(0, 1), {}, kStart).paced());
  EXPECT_TRUE(Pacer(spec_with(1, 1), {}, kStart).paced());
}

TEST(Pacer, FirstOperationIsDueAtTheStart) {
  EXPECT_EQ(Pacer(spec_with(100, 0), {}, kStart).due(), kStart);
  EXPECT_EQ(Pacer(spec_with(0, 100), {}, kStart).due(), kStart);
  EXPECT_EQ(Pacer(spec_with(100, 100), {}, kStart).due(), kStart);
}

TEST(Pacer, OperationsAreDueAtEqualDistances) {
  Pacer pacer(spec_with(0, 1'000), {}, kStart);
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_EQ(pacer.due(), kStart + i * Nanos{1'000'000});
    pacer.issued(4096);
  }
}

TEST(Pacer, BytesAreDueWhenThoseBeforeHadTheirTime) {
  Pacer pacer(spec_with(1'000'000, 0), {}, kStart);
  Nanos expected = kStart;
  for (const std::uint64_t bytes : {std::uint64_t{4096}, std::uint64_t{512}, std::uint64_t{1'000'000}, std::uint64_t{1},
                                    std::uint64_t{0}, std::uint64_t{65536}}) {
    EXPECT_EQ(pacer.due(), expected);
    pacer.issued(bytes);
    expected += static_cast<Nanos>(bytes) * 1'000;
  }
  EXPECT_EQ(pacer.due(), expected);
}

TEST(Pacer, TheSlowerOfTwoRatesCounts) {
  Pacer by_bytes(spec_with(4'096'000, 2'000), {}, kStart);  // 1000 blocks of 4 KiB per second
  Pacer by_operations(spec_with(4'096'000, 500), {}, kStart);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(by_bytes.due(), kStart + i * Nanos{1'000'000});
    ASSERT_EQ(by_operations.due(), kStart + i * Nanos{2'000'000});
    by_bytes.issued(4096);
    by_operations.issued(4096);
  }
}

TEST(Pacer, TheSlowerRateMayChangeOnTheWay) {
  Pacer pacer(spec_with(1'000'000, 100), {}, kStart);
  pacer.issued(100);  // 0.1 ms by bytes, 10 ms by operations
  EXPECT_EQ(pacer.due(), kStart + 10'000'000);
  pacer.issued(999'900);
  EXPECT_EQ(pacer.due(), kStart + kSecond);
}

TEST(Pacer, WorkersTakeTurns) {
  for (const unsigned workers : {1U, 2U, 3U, 7U, 64U}) {
    std::vector<Nanos> dues;
    for (unsigned worker = 0; worker < workers; ++worker) {
      Pacer pacer(spec_with(0, 1'000, workers), {1, worker, workers}, kStart);
      for (int i = 0; i < 100; ++i) {
        dues.push_back(pacer.due());
        pacer.issued(512);
      }
    }
    std::sort(dues.begin(), dues.end());
    for (std::size_t i = 0; i < dues.size(); ++i) ASSERT_EQ(dues[i], kStart + static_cast<Nanos>(i) * 1'000'000);
  }
}

TEST(Pacer, EachWorkerHasItsShareOfTheBytes) {
  constexpr unsigned kWorkers = 4;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    Pacer pacer(spec_with(1'000'000, 0, kWorkers), {1, worker, kWorkers}, kStart);
    for (int i = 0; i < 250; ++i) pacer.issued(1'000);
    const Nanos slot = pacer.due() - kStart;
    EXPECT_GE(slot, kSecond) << "a fourth of the rate: 250,000 bytes a second";
    EXPECT_LT(slot, kSecond + 4 * Nanos{4'000'000});
  }
}

// Only the operation rate gives each worker its turn; by bytes, all of them are due at the same instants.
TEST(Pacer, WorkersTakeTurnsByBytesToo) {
  constexpr unsigned kWorkers = 4;
  WorkloadSpec spec = spec_with(4'096'000, 0, kWorkers);
  spec.bs = 4096;
  std::vector<Nanos> dues;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    Pacer pacer(spec, {1, worker, kWorkers}, kStart);
    for (int i = 0; i < 10; ++i) {
      dues.push_back(pacer.due());
      pacer.issued(spec.bs);
    }
  }
  std::sort(dues.begin(), dues.end());
  for (std::size_t i = 0; i < dues.size(); ++i) ASSERT_EQ(dues[i], kStart + static_cast<Nanos>(i) * 1'000'000);
}

// Part by part, each as long as the others: the rate is the device's until the last of them ends.
TEST(Pacer, UnequalPartsEndTogether) {
  for (const std::vector<std::uint64_t>& parts : {std::vector<std::uint64_t>{2, 1, 1},
                                                  {1, 0, 0, 0},
                                                  {3, 3, 1},
                                                  {334, 333, 333},
                                                  {std::uint64_t{5} << 40, std::uint64_t{3} << 40}}) {
    const std::uint64_t whole = std::accumulate(parts.begin(), parts.end(), std::uint64_t{0});
    std::uint64_t before = 0;
    for (const std::uint64_t part : parts) {
      Pacer by_operations(spec_with(0, 1'000), {part, before, whole}, kStart);
      Pacer by_bytes(spec_with(4'096'000, 0), {part, before, whole}, kStart);
      before += part;
      if (part == 0 || part > 1'000) continue;
      for (std::uint64_t i = 0; i < part; ++i) {
        const double slot = static_cast<double>(by_operations.due() - kStart) / 1e6;
        EXPECT_LT(slot, static_cast<double>(whole) + 0.001) << part << " of " << whole;
        by_operations.issued(4096);
        by_bytes.issued(4096);
      }
      const Nanos end = by_operations.due() - kStart;
      EXPECT_GE(end, static_cast<Nanos>(whole) * 1'000'000) << part << " of " << whole;
      EXPECT_NEAR(static_cast<double>(by_bytes.due() - kStart), static_cast<double>(end), 2);
    }
  }
}

TEST(Pacer, PartsOfManyBlocksAreAsExactAsCanBeSeen) {
  const std::uint64_t whole = (std::uint64_t{1} << 50) + 1;
  Pacer pacer(spec_with(0, 1'000'000'000), {whole / 3, whole / 3, whole}, kStart);
  for (int i = 0; i < 1'000'000; ++i) pacer.issued(1);
  EXPECT_NEAR(static_cast<double>(pacer.due() - kStart), 3'000'001, 1);
}

TEST(Pacer, APauseMovesWhatIsDueInIt) {
  Pacer pacer(spec_with(0, 10), {}, kStart);
  pacer.issued(1);
  pacer.pause(kStart + 1, kStart + 1 + kSecond);
  EXPECT_EQ(pacer.due(), kStart + 1 + kSecond);
  pacer.issued(1);
  EXPECT_EQ(pacer.due(), kStart + 1 + kSecond + kSecond / 10) << "and the rest";
}

TEST(Pacer, APauseThatEndsInTimeMovesNothing) {
  Pacer pacer(spec_with(0, 1), {}, kStart);
  pacer.issued(1);
  pacer.pause(kStart + 1, kStart + 1 + kSecond / 2);
  EXPECT_EQ(pacer.due(), kStart + kSecond);
}

TEST(Pacer, WhatWasLateBeforeAPauseIsAsLateAfterIt) {
  Pacer pacer(spec_with(0, 10), {}, kStart);
  pacer.issued(1);  // and took 5 s
  const Nanos now = kStart + 5 * kSecond;
  const Nanos late = now - pacer.due();
  pacer.pause(now, now + kSecond);
  EXPECT_EQ(now + kSecond - pacer.due(), late);
}

TEST(Pacer, WithoutARateAPauseMeansNothing) {
  Pacer pacer(spec_with(0, 0), {}, kStart);
  pacer.pause(kStart, kStart + kSecond);
  EXPECT_FALSE(pacer.paced());
}

TEST(Pacer, DoesNotDriftWhenTheRateDividesBadly) {
  Pacer pacer(spec_with(0, 3), {}, kStart);
  for (Nanos i = 0; i < 300'000; ++i) {
    const Nanos due = pacer.due() - kStart;
    ASSERT_EQ(due, i * kSecond / 3);
    pacer.issued(1);
  }
  EXPECT_EQ(pacer.due(), kStart + 100'000 * kSecond);
}

TEST(Pacer, RatesAboveOnePerNanosecondHold) {
  Pacer pacer(spec_with(0, 4'000'000'000), {}, kStart);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(pacer.due(), kStart + i / 4);
    pacer.issued(1);
  }
}

TEST(Pacer, IsExactAfterATrillionOperations) {
  // A worker among 2^32-1 stands for operation number operations * workers + worker of the device.
  constexpr unsigned kWorkers = 4'000'000'000;
  Pacer pacer(spec_with(0, 7'000'000), {1, 123, kWorkers}, kStart);
  for (int i = 0; i < 250; ++i) pacer.issued(0);
  // (10^12 + 123) * 10^9 / (7 * 10^6) = (10^12 + 123) * 1000 / 7
  EXPECT_EQ(pacer.due(), kStart + static_cast<Nanos>((kTrillion + 123) * 1'000 / 7));
}

TEST(Pacer, IsExactAfterTheBytesOfATrillionOperations) {
  Pacer pacer(spec_with(3'000'000'000, 0), {1, 0, 2}, kStart);
  pacer.issued(kTrillion * 4096);
  pacer.issued(1);
  // (4096 * 10^12 + 1) * 2 bytes at 3 bytes per nanosecond
  EXPECT_EQ(pacer.due(), kStart + static_cast<Nanos>((kTrillion * 4096 + 1) * 2 / 3));
}

TEST(Pacer, GoesOnFromThereWithoutALeap) {
  Pacer pacer(spec_with(kTrillion, 0), {}, kStart);
  pacer.issued(kTrillion * 1'000'000);
  const Nanos base = pacer.due();
  EXPECT_EQ(base, kStart + 1'000'000 * kSecond);
  for (int i = 1; i < 1'000; ++i) {
    pacer.issued(1'000'000);
    ASSERT_EQ(pacer.due(), base + i * Nanos{1'000});
  }
}

// The product of bytes and workers is taken in 64 bits, before the widening.
TEST(Pacer, BytesTimesWorkersDoNotOverflow) {
  Pacer pacer(spec_with(kTrillion, 0), {1, 0, 64}, kStart);
  pacer.issued(kTrillion << 20);
  EXPECT_EQ(pacer.due(), kStart + (Nanos{64} << 20) * kSecond);
}

// The quotient is cut to 64 bits: what is due after more than 292 years comes out as past.
TEST(Pacer, VerySlowRatesDoNotWrapIntoThePast) {
  Pacer pacer(spec_with(1, 0), {}, kStart);
  pacer.issued(10'000'000'000);
  EXPECT_GT(pacer.due(), kStart);
  Pacer later(spec_with(0, 1, 4'000'000'000), {}, kStart);
  for (int i = 0; i < 3; ++i) later.issued(1);
  EXPECT_GT(later.due(), kStart);
}

TEST(Pacer, AStallDoesNotMoveTheSchedule) {
  // The pacer is not told the time: however late an operation is issued, the next ones are due as planned.
  Pacer punctual(spec_with(0, 100), {}, kStart);
  Pacer late(spec_with(0, 100), {}, kStart);
  for (int i = 0; i < 10; ++i) punctual.issued(512);
  const Nanos before = late.due();
  EXPECT_EQ(late.due(), before) << "asking changes nothing";
  for (int i = 0; i < 10; ++i) late.issued(512);
  EXPECT_EQ(late.due(), punctual.due());
  EXPECT_EQ(late.due(), kStart + kSecond / 10);
}

TEST(Pacer, FollowsItsStart) {
  for (const Nanos start : {Nanos{0}, Nanos{1}, kStart, Nanos{1} << 61}) {
    Pacer pacer(spec_with(0, 10), {}, start);
    pacer.issued(1);
    EXPECT_EQ(pacer.due(), start + kSecond / 10);
  }
}

}  // namespace
}  // namespace spliced::workload
