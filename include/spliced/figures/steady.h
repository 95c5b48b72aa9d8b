// SPDX-License-Identifier: Apache-2.0
// Steady state as the SNIA Solid State Storage Performance Test Specification has it (PTS 2.0.1, "Steady State
// Definition"): over the last rounds, neither the values nor the line fitted to them may differ by more than a share of
// their mean.
#pragma once
#include <cstdint>
#include <span>

namespace spliced::figures {

struct SteadyRule {
  unsigned window = 5;       // rounds, 2 at least
  double range = 0.20;       // of the mean: highest less lowest
  double slope = 0.10;       // of the mean: how far the fitted line rises or falls over the window
  unsigned max_rounds = 25;  // then it is not steady
};

struct SteadyWindow {
  double mean = 0, low = 0, high = 0;
  double slope = 0, intercept = 0;  // of the fitted line, per round and in the first of the window
  bool range_ok = false, slope_ok = false;
  [[nodiscard]] bool steady() const { return range_ok && slope_ok; }
};

// Of the last rule.window values, one for each round; all of it 0 and false where there are fewer.
[[nodiscard]] SteadyWindow judge_window(std::span<const double> rounds, const SteadyRule& rule);

}  // namespace spliced::figures
