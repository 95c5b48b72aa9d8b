// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/steady.h"

#include <algorithm>
#include <cmath>

namespace spliced::figures {
namespace {

// A value on the border is within it, however it was rounded on its way.
constexpr double kRounding = 1e-9;

bool at_most(double value, double share, double mean) {
  return value <= share * mean * (1 + kRounding);
}

}  // namespace

SteadyWindow judge_window(std::span<const double> rounds, const SteadyRule& rule) {
  SteadyWindow out;
  if (rule.window < 2 || rounds.size() < rule.window) return out;
  const auto window = rounds.last(rule.window);
  const auto n = static_cast<double>(window.size());
  out.low = *std::min_element(window.begin(), window.end());
  out.high = *std::max_element(window.begin(), window.end());
  for (const double y : window) out.mean += y / n;
  const double middle = (n - 1) / 2;
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < window.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    products += x * (window[i] - out.mean);
    squares += x * x;
  }
  out.slope = products / squares;
  out.intercept = out.mean - out.slope * middle;
  if (!(out.mean > 0) || !std::isfinite(out.mean)) return out;
  out.range_ok = at_most(out.high - out.low, rule.range, out.mean);
  out.slope_ok = at_most(std::abs(out.slope) * (n - 1), rule.slope, out.mean);
  return out;
}

}  // namespace spliced::figures
