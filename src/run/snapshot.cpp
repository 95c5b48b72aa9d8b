// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/snapshot.h"

#include <algorithm>

namespace spliced::run {

LatencySummary summarize(const workload::Histogram& histogram) {
  return {histogram.mean_seconds(),         histogram.quantile_seconds(0.5),   histogram.quantile_seconds(0.9),
          histogram.quantile_seconds(0.99), histogram.quantile_seconds(0.999), histogram.max_seconds()};
}

workload::BlockRange whole_of(const std::vector<workload::BlockRange>& ranges) {
  workload::BlockRange out;
  std::uint64_t end = 0;
  for (const workload::BlockRange& range : ranges) {
    if (range.size == 0) continue;
    if (end == 0) out = range;
    out.offset = std::min(out.offset, range.offset);
    end = std::max(end, range.offset + range.size);
  }
  out.size = end - out.offset;
  return out;
}

}  // namespace spliced::run
