// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <algorithm>
#include <cmath>

namespace spliced::run {

Comparison::Comparison(std::size_t candidates, double worthwhile) : worthwhile_(worthwhile), times_(candidates) {
  for (auto& times : times_) times.reserve(kRounds);
}

void Comparison::leave_out_from(std::size_t count) {
  if (ended_ || count >= times_.size()) return;
  times_.resize(count);
  slice_ = std::min(slice_, count - 1);
  ended_ = count == 1;
}

void Comparison::add_sample(std::uint64_t bytes, util::Nanos time) {
  if (ended_ || bytes == 0 || time <= 0) return;
  ++runs_;
  bytes_ += bytes;
  time_ += time;
  if (time_ >= kLongSlice || (time_ >= kSlice && runs_ >= 2)) next_slice();
}

void Comparison::add_failure(util::Nanos time) {
  if (ended_) return;
  total_ += time_ + std::max<util::Nanos>(time, 0);
  begin_slice();
}

void Comparison::next_slice() {
  total_ += time_;
  const double time = static_cast<double>(time_) / static_cast<double>(bytes_);
  if (warm_ && probes_ < kProbes) {
    first_time_ = probes_++ == 0 ? time : std::min(first_time_, time);
  } else if (warm_) {
    times_[candidate()].push_back(time);
    if (++slice_ == times_.size()) {
      slice_ = 0;
      ++round_;
    }
  }
  warm_ = true;
  begin_slice();
}

void Comparison::begin_slice() {
  runs_ = 0;
  bytes_ = 0;
  time_ = 0;
  ended_ = round_ == kRounds || total_ >= kPatience;
}

std::vector<double> Comparison::nanos_per_byte() const {
  std::vector<double> out;
  for (auto times : times_) {
    std::sort(times.begin(), times.end());
    out.push_back(times.empty() ? 0 : times[times.size() / 4]);
  }
  if (times_[0].empty()) out[0] = first_time_;  // all that there is
  return out;
}

// The sign test, at one and a half standard deviations: without a difference a round is won with a probability of one
// half. The candidates of a round were measured right after each other, so that they met the same disturbances.
bool Comparison::beats_the_first(std::size_t candidate) const {
  double wins = 0;
  for (std::size_t round = 0; round < round_; ++round) wins += times_[candidate][round] < times_[0][round] ? 1 : 0;
  const auto rounds = static_cast<double>(round_);
  return wins >= rounds / 2 + 0.75 * std::sqrt(rounds);
}

std::optional<std::size_t> Comparison::best() const {
  if (round_ < kFewestRounds) return std::nullopt;
  const std::vector<double> times = nanos_per_byte();
  std::size_t best = 0;
  for (std::size_t candidate = 1; candidate < times.size(); ++candidate) {
    const bool worth_it = times[candidate] < times[0] * worthwhile_ && beats_the_first(candidate);
    if (worth_it && times[candidate] < times[best]) best = candidate;
  }
  return best;
}

}  // namespace spliced::run
