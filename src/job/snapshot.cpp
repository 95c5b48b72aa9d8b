// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/snapshot.h"

#include <algorithm>

namespace spliced::job {

LatencySummary summarize(const workload::Histogram& histogram) {
  return {histogram.mean_seconds(),         histogram.quantile_seconds(0.5),   histogram.quantile_seconds(0.9),
          histogram.quantile_seconds(0.99), histogram.quantile_seconds(0.999), histogram.max_seconds()};
}

bool PlanReport::accepted() const {
  return errors.empty() && std::all_of(targets.begin(), targets.end(), [](const PlanEntry& entry) {
           return entry.errors.empty() && entry.refusals.empty();
         });
}

}  // namespace spliced::job
