// SPDX-License-Identifier: Apache-2.0
// What a device did over time: a point each second, and half as many whenever there are kMost, so that a minute and a
// week both fit.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/figures/log16.h"
#include "spliced/util/clock.h"
#include "spliced/workload/histogram.h"

namespace spliced::figures {

inline constexpr std::size_t kSeriesOps = 3;  // read, write, trim, as util::OpClass has them

// Of one kind of operation.
struct SeriesOp {
  // Per second: the mean of the time, and of the seconds in it the lowest and the highest.
  double bytes = 0, bytes_low = 0, bytes_high = 0;
  double operations = 0, operations_low = 0, operations_high = 0;
  // Nanoseconds. Of several seconds the median is their mean, by operations; the other two are the worst.
  double p50 = 0, p99 = 0, longest = 0;
};
struct SeriesPoint {
  static constexpr std::uint8_t kRamp = 1;    // some of it is of a ramp time
  static constexpr std::uint8_t kPaused = 2;  // the job was paused in some of it
  double start = 0;                           // seconds since the first of the series began, by the clock on the wall
  double length = 0;                          // seconds that were measured; there may be more until the next point
  std::array<SeriesOp, kSeriesOps> ops;
  double errors = 0;               // operations that failed
  std::optional<int> temperature;  // °C, the highest; none: not known
  std::uint8_t marks = 0;
};
// Two that follow one another as one.
[[nodiscard]] SeriesPoint merge(const SeriesPoint& first, const SeriesPoint& second);

// Not thread-safe.
class Series {
 public:
  static constexpr std::size_t kMost = 2'000;

  // One second, or what came closest to it.
  void add(const SeriesPoint& second);
  // Oldest first; with what makes no whole point yet.
  [[nodiscard]] std::vector<SeriesPoint> points() const;
  [[nodiscard]] std::size_t resolution() const { return resolution_; }  // seconds that a point is of
  [[nodiscard]] std::size_t size() const { return common_.size(); }
  [[nodiscard]] std::size_t memory() const;  // bytes
  // All of it as bytes, little endian, and what they say; none where they are of another version, or damaged.
  [[nodiscard]] std::string pack() const;
  [[nodiscard]] static std::optional<Series> unpack(std::string_view bytes);

 private:
  struct Common {
    std::uint32_t start = 0;  // hundredths of a second
    Log16 length, errors;     // milliseconds
    std::int8_t temperature = 0;
    std::uint8_t marks = 0;
  };
  using PackedOp = std::array<Log16, 9>;  // rates in thousandths, so that a few an hour count
  void push(const SeriesPoint& point);
  [[nodiscard]] SeriesPoint at(std::size_t index) const;
  void halve();

  std::vector<Common> common_;
  std::array<std::vector<PackedOp>, kSeriesOps> ops_;  // empty as long as all is 0
  std::size_t resolution_ = 1;
  std::optional<SeriesPoint> pending_;
  std::size_t pending_seconds_ = 0;
};

// The counts of a histogram as they were, so that the latencies of the time since then can be told.
class HistogramMark {
 public:
  // `coarse`: 2^coarse buckets are taken together, which takes so much less memory; 2 is good to within 2 %.
  explicit HistogramMark(unsigned coarse = 0) : coarse_(coarse) {}
  // Median, 99th percentile and maximum of what was added since the last call. The maximum is that of its bucket, and
  // exact where it is the highest of all.
  struct Since {
    std::uint64_t count = 0;
    double p50 = 0, p99 = 0, longest = 0;  // nanoseconds
  };
  Since advance(const workload::Histogram& now);
  // Of the time between the last two calls.
  [[nodiscard]] const Since& since() const { return told_; }
  [[nodiscard]] double quantile(double quantile) const;  // nanoseconds; 0 where nothing was added
  [[nodiscard]] std::size_t memory() const { return (before_.capacity() + since_.capacity()) * sizeof(std::uint32_t); }

 private:
  unsigned coarse_;
  std::vector<std::uint32_t> before_, since_;  // by bucket as far as there are any, modulo 2^32
  Since told_;
  std::uint64_t longest_ = 0;
};

}  // namespace spliced::figures
