// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <mutex>
#include <optional>
#include <string>

#include "spliced/figures/series.h"
#include "spliced/run/stage_figures.h"
#include "spliced/run/totals.h"
#include "spliced/util/clock.h"

namespace spliced::run {

// Makes a point of a device's series each second, from what was counted since the last one. The device's thread calls
// it; anybody may read.
class SeriesWatch {
 public:
  static constexpr util::Nanos kEach = util::kSecond;

  // What was recorded under an earlier daemon goes on.
  void resume(OverTime before);
  // When look() is to be called next.
  [[nodiscard]] util::Nanos next() const { return next_; }
  [[nodiscard]] util::Nanos last() const { return last_; }  // and when it was

  // What there is by now.
  struct Seen {
    util::Nanos closed = 0;  // for how long the job was paused, all in all
    util::Nanos ramped = 0;  // how much of the time was of ramp times, all in all
    bool lost = false;       // the daemon did not run for some of the time since the last: nobody knows for how long
    std::optional<int> temperature;
  };
  void begin(util::Nanos now, util::WallTime wall, const Seen& seen);
  // `totals`: all that was counted in this daemon.
  void look(util::Nanos now, const DeviceTotals& totals, const Seen& seen);
  // The device is done: what is left of a second, if that is enough to tell a rate.
  void finish(util::Nanos now, const DeviceTotals& totals, const Seen& seen);

  [[nodiscard]] OverTime over_time() const;
  // Whether so much is new that it is worth being stored; then it is taken for stored.
  [[nodiscard]] bool is_due(util::Nanos now);

 private:
  struct Counted {
    std::uint64_t bytes = 0, operations = 0;
  };
  [[nodiscard]] figures::SeriesPoint point(const DeviceTotals& totals, double seconds);
  void add(util::Nanos now, const DeviceTotals& totals, const Seen& seen, util::Nanos least);
  void put(const figures::SeriesPoint& made);
  static constexpr unsigned kCoarse = 2;

  util::Nanos began_ = 0, offset_ = 0;  // `offset_`: how much there was before
  util::Nanos last_ = 0, next_ = 0, stored_ = 0;
  util::Nanos closed_ = 0, ramped_ = 0;
  std::uint64_t errors_ = 0;
  std::array<Counted, figures::kSeriesOps> counted_{};
  std::array<figures::HistogramMark, figures::kSeriesOps> marks_{
      figures::HistogramMark(kCoarse), figures::HistogramMark(kCoarse), figures::HistogramMark(kCoarse)};
  mutable std::mutex mutex_;  // guards the rest
  OverTime all_;
};

}  // namespace spliced::run
