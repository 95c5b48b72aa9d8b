// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/slow_zones.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "spliced/util/random.h"

namespace spliced::figures {
namespace {

constexpr std::size_t kReach = 50;  // of the running median, to either side
constexpr int kTriples = 150;
constexpr int kRounds = 10;               // of reweighting
constexpr double kTukey = 4.685;          // 95 % efficient where errors are normal
constexpr double kToDeviation = 1.4826;   // from the median of absolute residuals to a standard deviation
constexpr double kLeastDeviation = 1e-6;  // of the values' size: what fits exactly has none

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Point {
  double x = 0, y = 0;
};

// y = c0 + c1 x + c2 x².
struct Quadratic {
  std::array<double, 3> c{};
  [[nodiscard]] double at(double x) const { return c[0] + x * (c[1] + x * c[2]); }
};

// By Gauss's elimination with pivots; none where the points do not determine it.
std::optional<Quadratic> solve(std::array<std::array<double, 4>, 3> m) {
  for (std::size_t i = 0; i < 3; ++i) {
    std::size_t pivot = i;
    for (std::size_t k = i + 1; k < 3; ++k) pivot = std::abs(m[k][i]) > std::abs(m[pivot][i]) ? k : pivot;
    if (std::abs(m[pivot][i]) < 1e-12) return std::nullopt;
    std::swap(m[i], m[pivot]);
    for (std::size_t k = i + 1; k < 3; ++k) {
      const double factor = m[k][i] / m[i][i];
      for (std::size_t j = i; j < 4; ++j) m[k][j] -= factor * m[i][j];
    }
  }
  Quadratic out;
  for (std::size_t i = 3; i-- > 0;) {
    double rest = m[i][3];
    for (std::size_t j = i + 1; j < 3; ++j) rest -= m[i][j] * out.c[j];
    out.c[i] = rest / m[i][i];
  }
  return out;
}

std::optional<Quadratic> through(const std::array<Point, 3>& points) {
  std::array<std::array<double, 4>, 3> m{};
  for (std::size_t i = 0; i < 3; ++i) m[i] = {1, points[i].x, points[i].x * points[i].x, points[i].y};
  return solve(m);
}

// Least squares of weighted points.
std::optional<Quadratic> fit(const std::vector<Point>& points, const std::vector<double>& weights) {
  std::array<std::array<double, 4>, 3> m{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::array<double, 3> powers{1, points[i].x, points[i].x * points[i].x};
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 3; ++column) m[row][column] += weights[i] * powers[row] * powers[column];
      m[row][3] += weights[i] * powers[row] * points[i].y;
    }
  }
  return solve(m);
}

std::vector<double> residuals(const std::vector<Point>& points, const Quadratic& of) {
  std::vector<double> out;
  out.reserve(points.size());
  for (const Point& point : points) out.push_back(std::abs(point.y - of.at(point.x)));
  return out;
}

// The seed is fixed: the same rates give the same verdict.
std::optional<Quadratic> least_median(const std::vector<Point>& points) {
  util::Xoshiro256 random(1);
  const auto draw = [&] { return points[util::scale_to(points.size(), random.next())]; };
  std::optional<Quadratic> best;
  double least = 0;
  for (int i = 0; i < kTriples; ++i) {
    const auto candidate = through({draw(), draw(), draw()});
    if (!candidate) continue;
    const double middle = median(residuals(points, *candidate));
    if (best && middle >= least) continue;
    best = candidate;
    least = middle;
  }
  return best;
}

std::optional<Quadratic> fit_robustly(const std::vector<Point>& points) {
  auto out = least_median(points);
  for (int round = 0; round < kRounds && out; ++round) {
    const std::vector<double> off = residuals(points, *out);
    const double deviation = std::max(kToDeviation * median(off), kLeastDeviation * std::abs(out->at(0.5)));
    std::vector<double> weights;
    weights.reserve(off.size());
    for (const double r : off) {
      const double u = deviation > 0 ? r / (kTukey * deviation) : 0;
      weights.push_back(u < 1 ? (1 - u * u) * (1 - u * u) : 0);
    }
    const auto next = fit(points, weights);
    if (!next) break;
    out = next;
  }
  return out;
}

double running_median(std::span<const float> rates, std::size_t i) {
  const std::size_t first = i - std::min(i, kReach), last = std::min(rates.size() - 1, i + kReach);
  std::vector<double> known;
  for (std::size_t k = first; k <= last; ++k) {
    if (rates[k] > 0) known.push_back(static_cast<double>(rates[k]));
  }
  return known.empty() ? 0 : median(std::move(known));
}

void expect_region(std::span<const float> rates, std::span<double> out) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(rates.size());
    if (rates[i] > 0) points.push_back({x, static_cast<double>(rates[i])});
  }
  if (points.size() < kLeastBands) return;
  const auto curve = fit_robustly(points);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(rates.size());
    out[i] = std::max(running_median(rates, i), curve ? curve->at(x) : 0);
  }
}

}  // namespace

std::vector<double> expected_rates(std::span<const float> rates, std::span<const std::size_t> regions) {
  std::vector<double> out(rates.size());
  std::vector<std::size_t> borders(regions.begin(), regions.end());
  if (borders.empty()) borders.push_back(0);
  borders.push_back(rates.size());
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    if (borders[i] >= borders[i + 1] || borders[i + 1] > rates.size()) continue;
    const std::size_t count = borders[i + 1] - borders[i];
    expect_region(rates.subspan(borders[i], count), std::span(out).subspan(borders[i], count));
  }
  return out;
}

std::vector<std::pair<std::size_t, std::size_t>> to_read_again(std::span<const Zone> zones, std::size_t bands) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (const Zone& zone : zones) {
    const std::size_t first = zone.first - std::min(zone.first, kBeside);
    const std::size_t last = std::min(bands - 1, zone.last + kBeside);
    if (!out.empty() && first <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, last);
    } else {
      out.emplace_back(first, last);
    }
  }
  return out;
}

namespace {

// The bands that share their heads with the first of a zone: from, and to before.
std::pair<std::size_t, std::size_t> region_of(const Zone& zone, std::span<const std::size_t> regions,
                                              std::size_t bands) {
  const auto after = std::upper_bound(regions.begin(), regions.end(), zone.first);
  return {after == regions.begin() ? 0 : *std::prev(after), after == regions.end() ? bands : *after};
}

// Of the bands from `first` to before `end`, those that are known; 0 where none is.
double mean_of(std::span<const float> rates, std::size_t first, std::size_t end) {
  double sum = 0, count = 0;
  for (std::size_t i = first; i < end; ++i) {
    sum += static_cast<double>(rates[i]);
    count += rates[i] > 0 ? 1 : 0;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace

// From what lies before to what lies behind in a straight line: over a zone of some width a disk becomes slower.
void raise_expected(std::span<double> expected, std::span<const Zone> zones, std::span<const float> again,
                    std::span<const std::size_t> regions) {
  for (const Zone& zone : zones) {
    const auto [begin, end] = region_of(zone, regions, again.size());
    const double before = mean_of(again, std::max(begin, zone.first - std::min(zone.first, kBeside)), zone.first);
    const double behind = mean_of(again, zone.last + 1, std::min(end, zone.last + 1 + kBeside));
    if (before == 0 || behind == 0) continue;
    const auto width = static_cast<double>(zone.last - zone.first + 2);
    for (std::size_t i = zone.first; i <= zone.last; ++i) {
      const double way = static_cast<double>(i - zone.first + 1) / width;
      expected[i] = std::max(expected[i], before + (behind - before) * way);
    }
  }
}

std::vector<Zone> find_slow_zones(std::span<const float> rates, std::span<const double> expected, double limit) {
  std::vector<Zone> out;
  const auto is_slow = [&](std::size_t i) {
    const auto rate = static_cast<double>(rates[i]);
    return rate > 0 && expected[i] > 0 && rate < (1 - limit) * expected[i];
  };
  for (std::size_t i = 0; i < rates.size() && i < expected.size();) {
    std::size_t end = i;
    Zone zone{i, i, 0, 0};
    while (end < rates.size() && is_slow(end)) {
      zone.rate += static_cast<double>(rates[end]);
      zone.expected += expected[end++];
    }
    if (const std::size_t count = end - i; count >= 2) {
      zone.last = end - 1;
      zone.rate /= static_cast<double>(count);
      zone.expected /= static_cast<double>(count);
      out.push_back(zone);
    }
    i = end + 1;
  }
  return out;
}

}  // namespace spliced::figures
