// SPDX-License-Identifier: Apache-2.0
#include "family_builder.h"

#include <limits>

namespace spliced::metrics {

void Family::add_histogram(const Labels& labels, const std::vector<double>& bounds,
                           const std::vector<std::uint64_t>& cumulative, std::uint64_t count, double sum) {
  auto& histogram = sample(labels).histogram;
  histogram.sample_count = count;
  histogram.sample_sum = sum;
  for (std::size_t i = 0; i < bounds.size(); ++i) histogram.bucket.push_back({cumulative[i], bounds[i]});
  histogram.bucket.push_back({count, std::numeric_limits<double>::infinity()});
}

}  // namespace spliced::metrics
