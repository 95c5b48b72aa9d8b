// SPDX-License-Identifier: Apache-2.0
#include "run/zone_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spliced::run {
namespace {

constexpr std::size_t kBands = 100;
const figures::BandGrid kGrid(0, kBands* figures::BandGrid::kLeastWidth);

StageSpec sequential(workload::Mode rw) {
  StageSpec out;
  out.what = StreamsSpec{};
  std::get<StreamsSpec>(out.what).streams.front().io.workload.rw = rw;
  return out;
}
StageFigures pass(util::OpClass op, std::vector<float> rates) {
  StageFigures out;
  figures::BandTable& table = out.bands.at(static_cast<std::size_t>(op)).emplace();
  table.grid = kGrid;
  table.last = std::move(rates);
  return out;
}
std::vector<float> even(float rate = 100) {
  return std::vector<float>(kBands, rate);
}
void add_reads(ZoneWatch& watch, std::vector<float> rates) {
  watch.add(sequential(workload::Mode::read), pass(util::OpClass::read, std::move(rates)));
}

TEST(ZoneWatch, AHealthyDiskHasNothingToReadAgain) {
  ZoneWatch watch(0.12, {});
  add_reads(watch, even());
  EXPECT_TRUE(watch.find_again().bands.empty());
  ASSERT_TRUE(watch.report().worst);
  EXPECT_NEAR(0, *watch.report().worst, 1e-6);
}

TEST(ZoneWatch, BandsThatWereNotReachedLeaveItUnknown) {
  ZoneWatch watch(0.12, {});
  std::vector<float> most = even();
  std::fill(most.begin() + 60, most.end(), 0.0F);
  add_reads(watch, most);
  EXPECT_FALSE(watch.report().worst);
  EXPECT_EQ("60 of 100 bands were reached", watch.report().missing);
  add_reads(watch, even());
  EXPECT_TRUE(watch.report().worst);
}

TEST(ZoneWatch, WhatLooksSlowCountsOnlyWhenItWasReadAgain) {
  ZoneWatch watch(0.12, {});
  std::vector<float> slow = even();
  slow[40] = slow[41] = 50;
  add_reads(watch, slow);
  const auto again = watch.find_again();
  ASSERT_EQ(1U, again.bands.size());
  EXPECT_TRUE(again.twice);
  EXPECT_FALSE(watch.report().worst);
  std::vector<float> rates(kBands);
  for (std::size_t i = again.bands[0].first; i <= again.bands[0].second; ++i) rates[i] = slow[i];
  watch.add_again(again.grid, rates);
  const ZoneReport report = watch.report();
  ASSERT_EQ(1U, report.zones.size());
  EXPECT_EQ(kGrid.start_of(40), report.zones[0].offset);
  EXPECT_EQ(2 * kGrid.width(), report.zones[0].length);
  EXPECT_NEAR(0.5, *report.worst, 0.01);
  for (std::size_t i = again.bands[0].first; i <= again.bands[0].second; ++i) rates[i] = 100;
  watch.add_again(again.grid, rates);
  EXPECT_TRUE(watch.report().zones.empty());
}

TEST(ZoneWatch, WritesCountOnWhatRotatesAlone) {
  for (const bool rotational : {false, true}) {
    device::TargetFacts facts;
    facts.info.rotational = rotational;
    ZoneWatch watch(0.12, facts);
    watch.add(sequential(workload::Mode::write), pass(util::OpClass::write, even()));
    EXPECT_EQ(rotational, watch.report().worst.has_value());
  }
}

TEST(ZoneWatch, TwoActuatorsAreTwoDisks) {
  std::vector<float> halves = even();
  std::fill(halves.begin() + 50, halves.end(), 50.0F);
  device::TargetFacts facts;
  ZoneWatch one(0.12, facts);
  add_reads(one, halves);
  facts.info.access_ranges = {0, kGrid.start_of(50)};
  ZoneWatch two(0.12, facts);
  add_reads(two, halves);
  EXPECT_FALSE(one.find_again().bands.empty());
  EXPECT_TRUE(two.find_again().bands.empty());
}

}  // namespace
}  // namespace spliced::run
