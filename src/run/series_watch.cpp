// SPDX-License-Identifier: Apache-2.0
#include "series_watch.h"

#include <algorithm>
#include <utility>

namespace spliced::run {

using util::Nanos;

namespace {

// Of less than that a rate says little.
constexpr Nanos kLeast = util::kSecond / 10;
// A crash costs the points of a minute, later those of a fiftieth of the time that there was: a series of some ten
// kilobytes is not written more often than that.
constexpr Nanos kStoreEach = 60 * util::kSecond;
constexpr Nanos kStoreShare = 50;
constexpr double kLikelyGap = 100.0 * 86'400;  // seconds

double seconds_of(Nanos time) {
  return static_cast<double>(time) / 1e9;
}

std::uint64_t errors_of(const DeviceTotals& totals) {
  std::uint64_t out = 0;
  for (const OpTotals& op : totals.ops) out += op.error_count();
  return out;
}

}  // namespace

void SeriesWatch::resume(OverTime before) {
  const std::lock_guard lock(mutex_);
  all_ = std::move(before);
}

// Where the clock on the wall was set meanwhile, back or far ahead, it goes on right after the last point.
void SeriesWatch::begin(Nanos now, util::WallTime wall, const Seen& seen) {
  closed_ = seen.closed;
  ramped_ = seen.ramped;
  began_ = last_ = stored_ = now;
  next_ = now + kEach;
  const std::lock_guard lock(mutex_);
  const auto points = all_.series.points();
  if (points.empty()) {
    all_.began = wall;
    return;
  }
  const double end = points.back().start + points.back().length;
  const double there = std::chrono::duration<double>(wall - all_.began).count();
  const bool is_likely = there >= end && there < end + kLikelyGap;
  offset_ = static_cast<Nanos>((is_likely ? there : end) * 1e9);
}

figures::SeriesPoint SeriesWatch::point(const DeviceTotals& totals, double seconds) {
  figures::SeriesPoint out;
  out.length = seconds;
  for (std::size_t i = 0; i < out.ops.size(); ++i) {
    const OpTotals& op = totals.ops[i];
    figures::SeriesOp& rates = out.ops[i];
    rates.bytes = rates.bytes_low = rates.bytes_high = static_cast<double>(op.bytes - counted_[i].bytes) / seconds;
    rates.operations = rates.operations_low = rates.operations_high =
        static_cast<double>(op.operations - counted_[i].operations) / seconds;
    counted_[i] = {op.bytes, op.operations};
    const auto since = marks_[i].advance(op.latency);
    rates.p50 = since.p50;
    rates.p99 = since.p99;
    rates.longest = since.longest;
  }
  return out;
}

// While the job is paused there is none: a gap is no zero.
void SeriesWatch::look(Nanos now, const DeviceTotals& totals, const Seen& seen) {
  add(now, totals, seen, kLeast);
}

void SeriesWatch::add(Nanos now, const DeviceTotals& totals, const Seen& seen, Nanos least) {
  const Nanos paused = seen.closed - closed_, ramp = seen.ramped - ramped_;
  const Nanos since = last_;
  last_ = now;
  closed_ = seen.closed;
  ramped_ = seen.ramped;
  next_ = std::max(next_ + kEach, now + kEach / 2);
  const Nanos measured = now - since - paused;
  figures::SeriesPoint made = point(totals, seconds_of(std::max<Nanos>(measured, 1)));
  if (measured < least || seen.lost) return;
  const std::uint64_t errors = errors_of(totals);  // those of a time that has no point are with the next one
  made.errors = static_cast<double>(errors - errors_);
  errors_ = errors;
  made.start = seconds_of(offset_ + since - began_);
  made.temperature = seen.temperature;
  if (paused > 0) made.marks |= figures::SeriesPoint::kPaused;
  if (ramp > 0) made.marks |= figures::SeriesPoint::kRamp;
  put(made);
}

// This thread alone changes it. Where all of it is made anew, that is done beside those who read.
void SeriesWatch::put(const figures::SeriesPoint& made) {
  std::optional<figures::Series> anew;
  if (all_.series.size() + 1 >= figures::Series::kMost) {
    anew = all_.series;
    anew->add(made);
  }
  const std::lock_guard lock(mutex_);
  anew ? std::swap(all_.series, *anew) : all_.series.add(made);
}

void SeriesWatch::finish(Nanos now, const DeviceTotals& totals, const Seen& seen) {
  add(now, totals, seen, all_.series.size() == 0 ? 1 : kLeast);
}

OverTime SeriesWatch::over_time() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

bool SeriesWatch::is_due(Nanos now) {
  if (now - stored_ < std::max(kStoreEach, (offset_ + now - began_) / kStoreShare)) return false;
  stored_ = now;
  return true;
}

}  // namespace spliced::run
