// SPDX-License-Identifier: Apache-2.0
#include "draw.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace spliced::workload {
namespace {

// log1p(x)/x and expm1(x)/x, continued to x = 0: they keep θ near 1 exact.
double log_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x * (0.5 - x / 3);
}
double exp_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x * 0.5 * (1 + x / 3);
}

}  // namespace

Zipf::Zipf(std::uint64_t count, double theta) : count_(static_cast<double>(count)), theta_(theta) {
  h_first_ = integral(1.5) - 1;
  h_last_ = integral(count_ + 0.5);
  shortcut_ = 2 - inverse_integral(integral(2.5) - density(2));
}

double Zipf::density(double x) const {
  return std::exp(-theta_ * std::log(x));
}

double Zipf::integral(double x) const {
  const double log_x = std::log(x);
  return exp_ratio((1 - theta_) * log_x) * log_x;
}

double Zipf::inverse_integral(double x) const {
  const double t = std::max(-1.0, x * (1 - theta_));
  return std::exp(log_ratio(t) * x);
}

std::uint64_t Zipf::operator()(util::KeyedRandom& random) const {
  for (;;) {
    const double u = h_last_ + random.unit() * (h_first_ - h_last_);
    const double x = inverse_integral(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (k - x <= shortcut_ || u >= integral(k + 0.5) - density(k)) return static_cast<std::uint64_t>(k) - 1;
  }
}

Draw::Draw(const Distribution& distribution, std::uint64_t count, std::uint64_t scatter_seed)
    : distribution_(distribution),
      count_(count),
      scatter_(count, scatter_seed),
      zipf_(count, distribution.kind == Distribution::Kind::zipf ? distribution.parameter : 1) {
  // Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994: the self-similar distribution.
  if (distribution.kind == Distribution::Kind::pareto) {
    pareto_power_ = std::log(distribution.parameter) / std::log(1 - distribution.parameter);
  }
}

std::uint64_t Draw::operator()(util::KeyedRandom& random) const {
  switch (distribution_.kind) {
    case Distribution::Kind::uniform: break;
    case Distribution::Kind::zipf: return scatter_(zipf_(random));
    case Distribution::Kind::pareto: {
      const double rank = static_cast<double>(count_) * std::pow(random.unit(), pareto_power_);
      return scatter_(std::min(static_cast<std::uint64_t>(rank), count_ - 1));
    }
    case Distribution::Kind::normal: return normal(random);
  }
  return random.below(count_);
}

std::uint64_t Draw::normal(util::KeyedRandom& random) const {
  const double middle = static_cast<double>(count_) / 2;
  const double sigma = static_cast<double>(count_) * distribution_.parameter / 100;
  std::normal_distribution<double> bell(middle, sigma);
  for (;;) {
    const double block = bell(random);
    if (block >= 0 && block < static_cast<double>(count_)) return static_cast<std::uint64_t>(block);
  }
}

}  // namespace spliced::workload
