// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spliced/util/random.h"
#include "spliced/workload/permutation.h"
#include "spliced/workload/spec.h"

namespace spliced::workload {

// Ranks 0, 1, 2, … with probability ∝ (rank+1)^-θ, in constant time and memory, for any θ > 0.
// Rejection-inversion: Hörmann, Derflinger, "Rejection-inversion to generate variates from monotone discrete
// distributions", ACM TOMACS 6(3), 1996. absl::zipf_distribution uses the same method but needs an exponent above 1,
// and storage workloads are commonly run with 0.8 to 0.99.
class Zipf {
 public:
  Zipf(std::uint64_t count, double theta);
  [[nodiscard]] std::uint64_t operator()(util::KeyedRandom& random) const;

 private:
  [[nodiscard]] double density(double x) const;           // h(x) = x^-θ
  [[nodiscard]] double integral(double x) const;          // H(x)
  [[nodiscard]] double inverse_integral(double x) const;  // H^-1(x)

  double count_;
  double theta_;
  double h_first_;  // H(1.5) - h(1)
  double h_last_;   // H(count + 0.5)
  double shortcut_;
};

// Draws block numbers in [0, count) after a distribution.
class Draw {
 public:
  // Every worker of a device must use the same `scatter_seed`, so that all of them have the same hot blocks.
  Draw(const Distribution& distribution, std::uint64_t count, std::uint64_t scatter_seed);
  [[nodiscard]] std::uint64_t operator()(util::KeyedRandom& random) const;

 private:
  [[nodiscard]] std::uint64_t normal(util::KeyedRandom& random) const;

  Distribution distribution_;
  std::uint64_t count_;
  Permutation scatter_;
  Zipf zipf_;
  double pareto_power_ = 1;
};

}  // namespace spliced::workload
