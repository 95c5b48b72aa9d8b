// SPDX-License-Identifier: Apache-2.0
// What a stage must keep to, direction by direction: latencies and rates. Plain values.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "spliced/util/clock.h"
#include "spliced/util/op.h"

namespace spliced::run {

// A share of all operations must not take longer.
struct LatencyLimit {
  util::OpClass op = util::OpClass::read;
  std::string name;      // as it was given: "p99.9", "max", "mean"
  double quantile = 1;   // 0 to 1; of the mean, kMean
  util::Nanos most = 0;  // at most so long
  static constexpr double kMean = -1;
  static constexpr double kMax = 1;
};
// How many operations it takes to tell: ten beyond the quantile.
[[nodiscard]] std::uint64_t samples_needed(const LatencyLimit& limit);

struct LeastRate {
  util::OpClass op = util::OpClass::read;
  std::uint64_t bytes_per_second = 0;  // at least, over the stage; by terabyte (10^12) of the target, where per_tb
};

// The first breach over a time ends the device.
struct StopRule {
  bool stop = false;
  util::Nanos cycle = util::kSecond;
};

struct StageCriteria {
  std::vector<LatencyLimit> latency;
  StopRule latency_stop;
  std::vector<LeastRate> min_rate;
  StopRule rate_stop;
  bool per_tb = false;
  [[nodiscard]] bool any() const { return !latency.empty() || !min_rate.empty(); }
};

// What a rate comes to on a target of that size, bytes per second.
[[nodiscard]] double least_on(const StageCriteria& criteria, const LeastRate& rate, std::uint64_t size);

}  // namespace spliced::run
