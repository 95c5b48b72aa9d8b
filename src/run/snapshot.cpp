// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/snapshot.h"

namespace spliced::run {

LatencySummary summarize(const workload::Histogram& histogram) {
  return {histogram.mean_seconds(),         histogram.quantile_seconds(0.5),   histogram.quantile_seconds(0.9),
          histogram.quantile_seconds(0.99), histogram.quantile_seconds(0.999), histogram.max_seconds()};
}

}  // namespace spliced::run
