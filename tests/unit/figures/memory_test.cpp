// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "spliced/figures/bands.h"
#include "spliced/figures/series.h"

namespace spliced::figures {
namespace {

// What a device takes that reads and writes for weeks, at all latencies that there are, in stages of several passes.
TEST(Memory, OfBandsAndSeriesIsBounded) {
  const BandGrid grid(0, 20'000'000'000'000);
  const LiveBands reads(grid, true), writes(grid, true);
  Series series;
  SeriesPoint point;
  point.length = 1;
  for (auto& op : point.ops) op = {};
  point.ops[0] = point.ops[1] = {1e8, 1e8, 1e8, 1e3, 1e3, 1e3, 1e6, 1e6, 1e6};
  std::size_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    point.start = i;
    series.add(point);
    most = std::max(most, series.memory());
  }
  workload::Histogram all;
  for (std::size_t i = 0; i < workload::buckets::kCount; ++i) all.add(i, 1);
  std::array<HistogramMark, kSeriesOps> marks{HistogramMark(2), HistogramMark(2), HistogramMark(2)};
  std::size_t of_marks = 0;
  for (HistogramMark& mark : marks) {
    (void)mark.advance(all);
    of_marks += mark.memory();
  }
  const std::size_t sum = reads.memory() + writes.memory() + most + of_marks;
  RecordProperty("bytes", static_cast<int>(sum));
  EXPECT_LE(sum, 200'000U) << reads.memory() << " " << writes.memory() << " " << most << " " << of_marks;
}

}  // namespace
}  // namespace spliced::figures
