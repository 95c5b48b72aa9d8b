// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::run {

// Compares a few settings with each other while I/O is done with them: each candidate has a slice of a millisecond in
// turn, over several rounds, so that what drifts (other load, the clock rate) meets all of them alike. Belongs to one
// thread.
class Comparison {
 public:
  static constexpr util::Nanos kSlice = util::kSecond / 1000;
  static constexpr util::Nanos kLongSlice = 50 * kSlice;   // a single run that takes this long is a slice
  static constexpr util::Nanos kPatience = 2000 * kSlice;  // of the whole, on a slow device
  static constexpr std::size_t kFewestRounds = 6;          // that say anything
  static constexpr std::size_t kRounds = 31;
  static constexpr std::size_t kProbes = 3;
  static constexpr double kWorthwhile = 0.985;

  // At least two candidates, the first is the one to fall back to. Another must take less than `worthwhile` of its time
  // to win.
  explicit Comparison(std::size_t candidates, double worthwhile = kWorthwhile);

  // The candidate that is to be used now.
  [[nodiscard]] std::size_t candidate() const { return (slice_ + round_) % times_.size(); }
  [[nodiscard]] bool ended() const { return ended_; }
  // Those from `count` on have no further turn; with one that is left there is nothing to compare.
  void leave_out_from(std::size_t count);
  // How long the first candidate takes at best, nanoseconds per byte: of a few slices before any other has its turn; 0
  // until then.
  [[nodiscard]] double first_time() const { return probes_ == kProbes ? first_time_ : 0; }
  // I/O that was done with the candidate: bytes, and the time it took.
  void add_sample(std::uint64_t bytes, util::Nanos time);
  // I/O that failed: it does not tell how fast the candidate is, but uses up patience.
  void add_failure(util::Nanos time);

  // For each candidate that was not left out, the lower quartile over the rounds, nanoseconds per byte: what disturbs
  // only ever makes it slower. 0 for what was not tried.
  [[nodiscard]] std::vector<double> nanos_per_byte() const;
  // The fastest of those that are worth it and beat the first in more rounds than chance explains; else
  // the first. None when there were too few rounds to tell.
  [[nodiscard]] std::optional<std::size_t> best() const;

 private:
  [[nodiscard]] bool beats_the_first(std::size_t candidate) const;
  void next_slice();
  void begin_slice();

  double worthwhile_;
  std::vector<std::vector<double>> times_;  // [candidate][round], nanoseconds per byte
  std::size_t slice_ = 0;
  std::size_t round_ = 0;
  std::size_t runs_ = 0;  // in this slice
  std::uint64_t bytes_ = 0;
  util::Nanos time_ = 0;
  util::Nanos total_ = 0;
  std::size_t probes_ = 0;
  double first_time_ = 0;
  bool warm_ = false;  // the first slice is not counted: fallbacks happen there
  bool ended_ = false;
};

}  // namespace spliced::run
