// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/bands.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "spliced/figures/pass_rates.h"

namespace spliced::figures {
namespace {

constexpr std::uint64_t kBlock = 1ULL << 20, kBand = BandGrid::kLeastWidth;
const BandGrid kFour(0, 4 * kBand);

// A pass over all of it; a block takes `spent` nanoseconds, in the band `slow` twice as long.
void go_over(BandTally& tally, std::uint32_t round, util::Nanos spent, std::size_t slow = 99) {
  for (std::uint64_t at = 0; at < kFour.size(); at += kBlock)
    tally.add(at, kBlock, at / kBand == slow ? 2 * spent : spent, round);
}

float rate(util::Nanos spent) {
  return static_cast<float>(static_cast<double>(kBlock) * 1e9 / static_cast<double>(spent));
}

TEST(Bands, OnePassIsItsSumsAndItsRates) {
  LiveBands bands(kFour, false);
  BandTally tally(&bands);
  go_over(tally, 0, 1'000'000, 2);
  tally.fail(3 * kBand + 5);
  tally.flush();
  const BandTable table = bands.table();
  ASSERT_EQ(4U, table.sums.size());
  EXPECT_EQ((BandSums{kBand, 64'000'000, 1'001, 0}), table.sums[0]);
  EXPECT_EQ((BandSums{kBand, 128'000'000, 2'001, 0}), table.sums[2]);
  EXPECT_EQ(1U, table.sums[3].errors);
  EXPECT_FLOAT_EQ(rate(1'000'000), table.last[0]);
  EXPECT_FLOAT_EQ(rate(2'000'000), table.last[2]);
  EXPECT_TRUE(table.before.empty());
}

TEST(Bands, OfSeveralPassesTheLastTwoAreKeptAndTheBetterOneCounts) {
  LiveBands bands(kFour, true);
  BandTally tally(&bands);
  go_over(tally, 0, 500'000);
  go_over(tally, 1, 1'000'000, 1);
  go_over(tally, 2, 2'000'000);
  tally.flush();
  const BandTable table = bands.table();
  EXPECT_EQ(3 * kBand, table.sums[0].bytes);
  EXPECT_FLOAT_EQ(rate(2'000'000), table.last[0]);
  EXPECT_FLOAT_EQ(rate(1'000'000), table.before[0]);
  EXPECT_FLOAT_EQ(rate(2'000'000), table.before[1]);
  PassRates rates;
  rates.add(table);
  EXPECT_FLOAT_EQ(rate(1'000'000), rates.best()[0]);
  EXPECT_FLOAT_EQ(rate(2'000'000), rates.best()[1]);
}

TEST(Bands, WhatAWorkerKeptOfThePassBeforeIsNoneOfTheNext) {
  LiveBands bands(kFour, true);
  BandTally slow(&bands), fast(&bands);
  slow.add(0, kBlock, 8'000'000, 0);  // and is not heard of until the next pass
  fast.add(0, kBlock, 1'000'000, 1);
  slow.flush();
  fast.flush();
  EXPECT_FLOAT_EQ(rate(1'000'000), bands.table().last[0]);
  EXPECT_EQ(2 * kBlock, bands.table().sums[0].bytes);
}

TEST(Bands, GoOnAfterARestartAsIfThereHadBeenNone) {
  const auto half = [](BandTally& tally, std::uint64_t from, std::uint64_t to, std::uint32_t round, util::Nanos spent) {
    for (std::uint64_t at = from; at < to; at += kBlock) tally.add(at, kBlock, spent, round);
    tally.flush();
  };
  LiveBands whole(kFour, true), before(kFour, true), after(kFour, true);
  BandTally of_whole(&whole), of_before(&before), of_after(&after);
  half(of_whole, 0, 4 * kBand, 0, 1'000'000);
  half(of_whole, 0, 4 * kBand, 1, 3'000'000);
  half(of_before, 0, 4 * kBand, 0, 1'000'000);
  half(of_before, 0, 2 * kBand, 1, 3'000'000);
  after.resume(before.table());
  half(of_after, 2 * kBand, 4 * kBand, 1, 3'000'000);
  EXPECT_EQ(whole.table().sums, after.table().sums);
  EXPECT_EQ(whole.table().last, after.table().last);
  EXPECT_EQ(whole.table().before, after.table().before);
  LiveBands other(BandGrid(0, 8 * kBand), true);
  other.resume(before.table());
  EXPECT_EQ(0U, other.table().sums[0].bytes);
}

TEST(Bands, NothingIsLostBetweenWorkers) {
  LiveBands bands(kFour, true);
  constexpr std::uint32_t kRounds = 3;
  std::vector<std::thread> workers;
  for (std::uint64_t w = 0; w < 4; ++w) {
    workers.emplace_back([&bands, w] {
      BandTally tally(&bands);
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        for (std::uint64_t at = w * kBlock; at < kFour.size(); at += 4 * kBlock) tally.add(at, kBlock, 1'000, round);
      }
      tally.flush();
    });
  }
  for (auto& worker : workers) worker.join();
  const BandTable table = bands.table();
  for (const BandSums& sums : table.sums) {
    EXPECT_EQ(kRounds * kBand, sums.bytes);
    EXPECT_EQ(kRounds * 64U * 1'000, sums.busy);
  }
}

TEST(Bands, NoBandsCountNothing) {
  BandTally none;
  none.add(5, 6, 7, 8);
  none.fail(1);
  none.flush();
}

}  // namespace
}  // namespace spliced::figures
