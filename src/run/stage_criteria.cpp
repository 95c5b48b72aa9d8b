// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/stage_criteria.h"

#include <cmath>

namespace spliced::run {
namespace {

constexpr double kBeyond = 10;  // operations that are slower than the quantile
constexpr double kTerabyte = 1e12;

}  // namespace

std::uint64_t samples_needed(const LatencyLimit& limit) {
  if (limit.quantile == LatencyLimit::kMean || limit.quantile >= LatencyLimit::kMax) return 1;
  // 1 - 0.999 is a little more or less than 0.001.
  return static_cast<std::uint64_t>(std::ceil(kBeyond / (1 - limit.quantile) - 1e-3));
}

double least_on(const StageCriteria& criteria, const LeastRate& rate, std::uint64_t size) {
  const auto bytes = static_cast<double>(rate.bytes_per_second);
  return criteria.per_tb ? bytes * static_cast<double>(size) / kTerabyte : bytes;
}

}  // namespace spliced::run
