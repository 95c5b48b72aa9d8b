// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/pass_rates.h"

#include <gtest/gtest.h>

namespace spliced::figures {
namespace {

const BandGrid kWhole(0, 4 * BandGrid::kLeastWidth), kHalf(0, 2 * BandGrid::kLeastWidth);

BandTable pass(const BandGrid& grid, std::vector<float> last, std::vector<float> before = {}) {
  BandTable out;
  out.grid = grid;
  out.last = std::move(last);
  out.before = std::move(before);
  return out;
}

TEST(PassRates, TheLastTwoOfEachBandAreKept) {
  PassRates rates;
  rates.add(pass(kWhole, {1, 2, 3, 4}));
  EXPECT_EQ(4U, rates.known());
  EXPECT_FALSE(rates.twice());
  rates.add(pass(kWhole, {5, 1, 5, 1}));
  EXPECT_TRUE(rates.twice());
  EXPECT_EQ((std::vector<float>{5, 2, 5, 4}), rates.best());
  rates.add(pass(kWhole, {6, 1, 1, 1}, {7, 1, 1, 1}));
  EXPECT_EQ((std::vector<float>{7, 1, 1, 1}), rates.best());
}

TEST(PassRates, WhatIsNotReachedKeepsWhatItHad) {
  PassRates rates;
  rates.add(pass(kWhole, {1, 2, 3, 4}));
  rates.add(pass(kWhole, {9, 0, 0, 0}));
  rates.add(pass(kWhole, {8, 0, 0, 0}));
  EXPECT_EQ((std::vector<float>{9, 2, 3, 4}), rates.best());
  EXPECT_EQ(4U, rates.known());
}

TEST(PassRates, APartSaysNothingOfTheWhole) {
  PassRates rates;
  rates.add(pass(kHalf, {1, 1}));
  rates.add(pass(kWhole, {2, 2, 2, 0}));
  rates.add(pass(kHalf, {9, 9}));
  EXPECT_EQ((std::vector<float>{2, 2, 2, 0}), rates.best());
  EXPECT_EQ(3U, rates.known());
}

}  // namespace
}  // namespace spliced::figures
