// SPDX-License-Identifier: Apache-2.0
// Simulated disks: 16 to 32 zones, from the outer to the inner one 2 : 1, noise, drift, and a host that is busy in two
// of five passes.
#include "spliced/figures/slow_zones.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

namespace spliced::figures {
namespace {

constexpr std::size_t kBands = 1'000;
constexpr double kLimit = 0.12;
constexpr int kPasses = 5;

using Rates = std::vector<float>;
using Random = std::mt19937_64;

double between(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

class Disk {
 public:
  explicit Disk(Random& random, std::size_t actuators = 1) : random_(random), noise_(between(random, 0.002, 0.012)) {
    for (std::size_t a = 0; a < actuators; ++a) add_actuator(kBands / actuators);
    std::vector<int> passes{0, 1, 2, 3, 4};
    std::shuffle(passes.begin(), passes.end(), random_);
    busy_ = {passes[0], passes[1]};
  }
  void slow_down(std::size_t band, std::size_t count, double share) {
    for (std::size_t i = band; i < band + count; ++i) true_[i] *= 1 - share;
  }

  // The fifth is what is read again at the end, alone.
  Rates pass(int number) {
    const double drift = between(random_, -0.02, 0.02);
    const bool busy = number < kPasses - 1 && std::find(busy_.begin(), busy_.end(), number) != busy_.end();
    const std::size_t from = random_() % kBands, to = from + 20 + random_() % 400;
    const double load = between(random_, 0.1, 0.6);
    Rates out;
    for (std::size_t i = 0; i < true_.size(); ++i) {
      double rate = true_[i] * (1 + drift * static_cast<double>(i) / kBands);
      rate *= 1 + std::normal_distribution<double>(0, noise_)(random_);
      if (busy && i >= from && i < to) rate *= 1 - load;
      out.push_back(static_cast<float>(rate * 2.5e8));
    }
    return out;
  }

 private:
  void add_actuator(std::size_t bands) {
    const std::size_t zones = 16 + random_() % 17;
    for (std::size_t i = 0; i < bands; ++i) {
      const double x = static_cast<double>(i * zones / bands) / static_cast<double>(zones - 1);
      true_.push_back(
          std::sqrt(1 - 0.75 * x));  // tracks are as long as their radius, and each holds as much per length
    }
  }

  Random& random_;
  const double noise_;
  std::vector<double> true_;
  std::vector<int> busy_;
};

// As a job does it: the last two passes, then what looks slow once more.
std::vector<Zone> judge(Disk& disk, const std::vector<std::size_t>& regions = {}) {
  Rates best = disk.pass(2);
  const Rates last = disk.pass(3);
  for (std::size_t i = 0; i < best.size(); ++i) best[i] = std::max(best[i], last[i]);
  auto expected = expected_rates(best, regions);
  const auto candidates = find_slow_zones(best, expected, kLimit);
  Rates again(kBands);
  const Rates alone = disk.pass(4);
  for (const auto& [from, to] : to_read_again(candidates, kBands)) {
    for (std::size_t i = from; i <= to; ++i) again[i] = alone[i];
  }
  raise_expected(expected, candidates, again, regions);
  for (std::size_t i = 0; i < kBands; ++i) best[i] = std::max(best[i], again[i]);
  return find_slow_zones(best, expected, kLimit);
}

int disks() {
  const char* asked = std::getenv("SPLICED_DISKS");
  return asked != nullptr ? std::atoi(asked) : 300;
}

TEST(SlowZones, HealthyDisksRaiseNoAlarm) {
  int alarms = 0;
  for (int i = 0; i < disks(); ++i) {
    Random random(static_cast<std::uint64_t>(i));
    Disk disk(random);
    if (!judge(disk).empty()) ADD_FAILURE() << "seed " << i << ": alarm " << ++alarms;
  }
}

TEST(SlowZones, TwoBandsThatAreAFifthSlowerAreFound) {
  for (int i = 0; i < disks(); ++i) {
    Random random(1'000'000 + static_cast<std::uint64_t>(i));
    Disk disk(random);
    const std::size_t at = random() % (kBands - 1);
    disk.slow_down(at, 2, 0.2);
    const auto zones = judge(disk);
    ASSERT_EQ(1U, zones.size()) << "seed " << i << ", band " << at;
    EXPECT_EQ(at, zones[0].first) << "seed " << i;
    EXPECT_EQ(at + 1, zones[0].last) << "seed " << i;
  }
}

TEST(SlowZones, AnActuatorsInnerEndIsNoneOfTheOthers) {
  int missed = 0;
  for (int i = 0; i < disks(); ++i) {
    Random random(2'000'000 + static_cast<std::uint64_t>(i));
    Disk disk(random, 2);
    EXPECT_TRUE(judge(disk, {0, kBands / 2}).empty()) << "seed " << i;
    disk.slow_down(kBands / 2 - 2, 2, 0.2);
    missed += judge(disk, {0, kBands / 2}).size() != 1 ? 1 : 0;
  }
  EXPECT_EQ(0, missed);
}

TEST(SlowZones, ALargePartThatIsSlowIsFoundToo) {
  for (int i = 0; i < 30; ++i) {
    Random random(3'000'000 + static_cast<std::uint64_t>(i));
    Disk disk(random);
    disk.slow_down(300, 250, 0.3);
    const auto zones = judge(disk);
    ASSERT_FALSE(zones.empty()) << "seed " << i;
    EXPECT_LE(zones.front().first, 302U);
    EXPECT_GE(zones.back().last, 547U);
  }
}

TEST(SlowZones, OneBandAloneIsNone) {
  Random random(5);
  Disk disk(random);
  disk.slow_down(500, 1, 0.5);
  EXPECT_TRUE(judge(disk).empty());
}

TEST(SlowZones, FewBandsOrUnknownOnesSayNothing) {
  const Rates few(kLeastBands - 1, 100);
  EXPECT_EQ(0, expected_rates(few, {})[3]);
  Rates some(kLeastBands, 100);
  EXPECT_GT(expected_rates(some, {})[3], 0);
  some[7] = 0;
  EXPECT_EQ(0, expected_rates(some, {})[3]) << "one of them is not known";
  Rates holes(200, 100);
  holes[50] = holes[52] = 10;
  holes[51] = 0;
  EXPECT_TRUE(find_slow_zones(holes, expected_rates(holes, {}), kLimit).empty());
  EXPECT_TRUE(expected_rates({}, {}).empty());
}

TEST(SlowZones, IsReadAgainWithWhatLiesBeside) {
  const std::vector<Zone> zones{{0, 1, 0, 0}, {4, 5, 0, 0}, {20, 22, 0, 0}, {98, 99, 0, 0}};
  const std::vector<std::pair<std::size_t, std::size_t>> all{{0, 7}, {18, 24}, {96, 99}};
  EXPECT_EQ(all, to_read_again(zones, 100));
  EXPECT_TRUE(to_read_again({}, 100).empty());
  // One within another: of reads and of writes, say.
  const std::vector<Zone> nested{{10, 60, 0, 0}, {20, 23, 0, 0}};
  const std::vector<std::pair<std::size_t, std::size_t>> whole{{8, 62}};
  EXPECT_EQ(whole, to_read_again(nested, 100));
}

TEST(SlowZones, ARateIsTheMeanOfItsBands) {
  Rates rates(200, 100);
  rates[20] = 60;
  rates[21] = 80;
  const auto zones = find_slow_zones(rates, expected_rates(rates, {}), kLimit);
  ASSERT_EQ(1U, zones.size());
  EXPECT_EQ(20U, zones[0].first);
  EXPECT_EQ(21U, zones[0].last);
  EXPECT_DOUBLE_EQ(70, zones[0].rate);
  EXPECT_NEAR(100, zones[0].expected, 1e-6);
}

}  // namespace
}  // namespace spliced::figures
