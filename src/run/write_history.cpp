// SPDX-License-Identifier: Apache-2.0
#include "write_history.h"

#include <algorithm>
#include <limits>

namespace spliced::run {

using workload::BlockRange;

constexpr std::uint64_t kMostLooked = 100'000;  // positions; a list is made while somebody waits

void Doubts::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  const std::lock_guard lock(mutex_);
  auto first = std::find_if(ranges_.begin(), ranges_.end(), [&](const PositionRange& one) { return one.end >= begin; });
  auto last = first;
  for (; last != ranges_.end() && last->begin <= end; ++last) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
  }
  ranges_.insert(ranges_.erase(first, last), {begin, end});
  if (ranges_.size() > kMost) merge_nearest();
  count_.store(ranges_.size(), std::memory_order_release);
}

void Doubts::merge_nearest() {
  std::size_t nearest = 1;
  const auto gap = [&](std::size_t i) { return ranges_[i].begin - ranges_[i - 1].end; };
  for (std::size_t i = 2; i < ranges_.size(); ++i) {
    if (gap(i) < gap(nearest)) nearest = i;
  }
  ranges_[nearest - 1].end = ranges_[nearest].end;
  ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(nearest));
}

bool Doubts::contains(std::uint64_t position) const {
  if (ranges() == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), position,
                                      [](std::uint64_t at, const PositionRange& one) { return at < one.begin; });
  return after != ranges_.begin() && position < std::prev(after)->end;
}

std::vector<PositionRange> Doubts::list() const {
  const std::lock_guard lock(mutex_);
  return ranges_;
}

void WrittenSeries::flush_of_all(bool done) {
  if (!ended_) return;
  if (done) {
    flushed_ = ended_->position;
  } else {
    flush_failed(ended_->position);
  }
}

// What is written in order is one place; of other orders, each block is.
void WrittenSeries::list_doubts(std::vector<DoubtfulRange>& out, std::size_t most) const {
  const std::uint64_t count = first_round_.count();
  for (const auto& [begin, end] : doubts_.list()) {
    const std::uint64_t last = std::min(end, begin + kMostLooked);
    for (std::uint64_t at = begin; at < last && out.size() < most; ++at) {
      const workload::Request request = first_round_.round(at / count).at(at % count);
      if (request.op == util::Op::read) continue;
      const bool goes_on = at > begin && !out.empty() && out.back().offset + out.back().length == request.offset;
      if (goes_on) {
        out.back().length += request.length;
      } else {
        out.push_back({request.offset, request.length});
      }
    }
  }
}

void WriteHistory::add(Series series) {
  const std::lock_guard lock(mutex_);
  series_.push_back(std::move(series));
}

void WriteHistory::flushed() {
  for (const Series& one : series_) one->flush_of_all(true);
}

void WriteHistory::flush_failed() {
  for (const Series& one : series_) one->flush_of_all(false);
}

std::uint64_t WriteHistory::last_round_of(const std::string& stage) const {
  const auto is_it = [&](const Series& one) { return one->stage() == stage || one->stage().starts_with(stage + "#"); };
  const auto found = std::find_if(series_.rbegin(), series_.rend(), is_it);
  if (found == series_.rend()) return 0;
  const std::uint64_t rounds = (*found)->rounds();
  return rounds == 0 ? 0 : rounds - 1;
}

std::size_t WriteHistory::doubts() const {
  const std::lock_guard lock(mutex_);
  std::size_t out = 0;
  for (const Series& one : series_) out += one->doubts().ranges();
  return out;
}

std::vector<SeriesPoint> WriteHistory::points() const {
  std::vector<SeriesPoint> out;
  for (const Series& one : series_) out.push_back(one->point());
  return out;
}

bool WriteHistory::has_unmarked_in(const BlockRange& range) const {
  return std::any_of(series_.begin(), series_.end(), [&](const Series& one) {
    const BlockRange& of = one->first_round().range();
    const bool apart = of.offset + of.size <= range.offset || range.offset + range.size <= of.offset;
    const verify::Image* image = one->image().get();
    return !apart && image != nullptr && !image->has_tags() && image->interval() == 0;
  });
}

void WrittenSeries::resume(workload::Cursor from, std::uint64_t rounds, const std::vector<PositionRange>& doubts) {
  flushed_ = from.watermark;
  for (const auto& [begin, end] : doubts) doubts_.add(begin, end);
  most_rounds_ = rounds;
  resumed_ = std::move(from);
}

void WrittenSeries::end(workload::Cursor cursor) {
  ended_ = std::move(cursor);
}

SeriesPoint WrittenSeries::point() const {
  return {place_.stage, place_.stream, first_pass_, ended_.value_or(workload::Cursor{}), doubts_.list()};
}

void WrittenSeries::flush_failed(std::uint64_t end) {
  doubts_.add(flushed_, end);
}

std::uint64_t WrittenSeries::rounds() const {
  const std::uint64_t count = first_round_.count();
  return !ended_ || count == 0 ? 0 : (ended_->position + count - 1) / count;
}

// Each round changes a block once at most; of those before `before` only the last two can be done in part. What was in
// flight when the daemon died is old, new or torn until it is written again, in whatever round.
std::optional<WrittenSeries::Change> WrittenSeries::last_change(std::uint64_t block, std::uint64_t before) const {
  const std::uint64_t count = first_round_.count();
  std::optional<Change> in_flight;
  for (std::uint64_t round = first_round_.changes() ? before : 0; round-- > 0;) {
    const auto index = first_round_.round(round).index_of_change(block);
    if (!index) continue;
    const std::uint64_t position = round * count + *index;
    if (doubts_.contains(position)) return Change{round, position, true};
    if (!ended_ || ended_->is_done(position)) {
      const bool before_restart = resumed_ && resumed_->is_done(position);
      if (before_restart && in_flight) return in_flight;
      return Change{round, position, false, before_restart && before < most_rounds_};
    }
    if (resumed_ && !in_flight) in_flight = Change{round, position, true};
  }
  return in_flight;
}

WriteHistory::Found WriteHistory::find(std::uint64_t offset, std::uint64_t& length, const View& view,
                                       unsigned skip) const {
  bool trimmed = false;
  for (auto it = series_.rbegin(); it != series_.rend(); ++it) {
    const WrittenSeries& series = **it;
    const BlockRange& range = series.first_round().range();
    if (offset >= range.offset + range.size) continue;
    if (offset < range.offset) {
      length = std::min(length, range.offset - offset);
      continue;
    }
    const std::uint64_t block = (offset - range.offset) / range.block;
    length = std::min(length, range.start_of(block) + range.length_of(block) - offset);
    const bool is_own = &series == view.own;
    if (!series.is_known() && series.first_round().changes()) return {Certainty::doubtful, {}};
    std::uint64_t rounds = is_own ? view.round + (series.first_round().reads_back() ? 1 : 0) : series.rounds();
    while (const auto change = series.last_change(block, rounds)) {
      rounds = change->round;
      if (change->doubtful) return {Certainty::doubtful, {}};
      if (series.image() == nullptr) {
        trimmed = true;
        continue;
      }
      if (skip-- > 0) continue;
      const auto pass = static_cast<std::uint32_t>(series.first_pass() + change->round);
      // Once it has ended, what reads goes through it as it did, as far as it came.
      const std::uint64_t moved = is_own ? (view.position - change->position) * range.block
                                         : std::min(range.size, series.positions() * range.block);
      const Certainty sure = change->outdated ? Certainty::outdated : Certainty::known;
      return {trimmed ? Certainty::trimmed : sure, {series.image().get(), pass}, moved};
    }
  }
  return {};
}

WriteHistory::Piece WriteHistory::at(std::uint64_t offset, std::uint64_t length, const View& view) const {
  Piece out{length, Certainty::unknown, {}};
  const Found found = find(offset, out.length, view, 0);
  out.certainty = found.certainty;
  out.expected = found.generation;
  out.moved_since = found.moved_since;
  return out;
}

verify::Generation WriteHistory::before(std::uint64_t offset, const View& view) const {
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
  const Found found = find(offset, length, view, 1);
  return found.certainty == Certainty::known ? found.generation : verify::Generation{};
}

}  // namespace spliced::run
