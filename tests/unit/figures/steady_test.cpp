// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/steady.h"

#include <gtest/gtest.h>

#include <vector>

namespace spliced::figures {
namespace {

SteadyWindow judge(const std::vector<double>& y) {
  return judge_window(y, SteadyRule{});
}

TEST(Steady, TheBordersAreWithin) {
  EXPECT_TRUE(judge({100, 90, 110, 90, 110}).range_ok);  // 20.0 %
  EXPECT_FALSE(judge({100, 90, 110.01, 90, 109.99}).range_ok);
  EXPECT_TRUE(judge({95, 97.5, 100, 102.5, 105}).steady());  // a line that rises by 10.0 %
  EXPECT_TRUE(judge({105, 102.5, 100, 97.5, 95}).steady());
  EXPECT_FALSE(judge({94.9, 97.45, 100, 102.55, 105.1}).slope_ok);
  EXPECT_FALSE(judge({105.1, 102.55, 100, 97.45, 94.9}).steady());
  // The same in other units, which round otherwise.
  for (const double unit : {0.1, 1.0 / 3, 7e5, 1234567.891}) {
    EXPECT_TRUE(judge({100 * unit, 90 * unit, 110 * unit, 90 * unit, 110 * unit}).range_ok) << unit;
    EXPECT_TRUE(judge({95 * unit, 97.5 * unit, 100 * unit, 102.5 * unit, 105 * unit}).slope_ok) << unit;
  }
}

TEST(Steady, OneOutlierOrAFallingLineIsNot) {
  EXPECT_FALSE(judge({100, 100, 125, 100, 100}).steady());
  EXPECT_TRUE(judge({100, 100, 125, 100, 100}).slope_ok);
  EXPECT_FALSE(judge({120, 115, 110, 105, 100}).steady());
}

TEST(Steady, NothingMovedIsNot) {
  EXPECT_FALSE(judge({0, 0, 0, 0, 0}).steady());
  EXPECT_FALSE(judge({100, 100, 100, 100}).steady());
  EXPECT_FALSE(judge({}).steady());
}

TEST(Steady, TheWindowIsTheLastRounds) {
  const SteadyWindow window = judge({900, 5, 100, 101, 99, 100, 100});
  EXPECT_TRUE(window.steady());
  EXPECT_DOUBLE_EQ(100, window.mean);
  EXPECT_DOUBLE_EQ(99, window.low);
  EXPECT_DOUBLE_EQ(101, window.high);
}

TEST(Steady, TheLineIsThatOfLeastSquares) {
  const SteadyWindow window = judge({1, 3, 5, 7, 9});
  EXPECT_DOUBLE_EQ(2, window.slope);
  EXPECT_DOUBLE_EQ(1, window.intercept);
}

}  // namespace
}  // namespace spliced::figures
