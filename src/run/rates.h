// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <mutex>

#include "spliced/run/snapshot.h"
#include "spliced/util/clock.h"

namespace spliced::run {

// What workers have moved so far.
struct MovedSoFar {
  std::array<std::uint64_t, util::kOpClasses> bytes{}, operations{};
  std::uint64_t visited = 0;  // bytes of blocks that were tried, with or without success
};

[[nodiscard]] double per_second(std::uint64_t amount, util::Nanos time);

// How fast it goes: over the last second, and on the whole. Thread-safe.
class Rates {
 public:
  void begin(util::Nanos now, std::uint64_t visited = 0);  // so many were before
  // Once in a second or so; more often does nothing.
  void sample(util::Nanos now, const MovedSoFar& moved);

  // The rates of the last second; of `elapsed`, from `out` itself, before there was one, and of what is over.
  void fill(std::array<OpSnapshot, util::kOpClasses>& out, bool over, util::Nanos elapsed) const;
  // Bytes visited per second, by which to tell how long the rest will take: as it went last, within ten times of the
  // mean either way. A moment in which nothing moves, or everything is cached, says little of the rest.
  [[nodiscard]] double pace(double mean) const;

 private:
  mutable std::mutex mutex_;
  util::Nanos began_ = 0, at_ = 0, before_at_ = 0;  // the last sample, and the one before
  MovedSoFar last_;
  std::uint64_t visited_before_ = 0;
  std::array<double, util::kOpClasses> bytes_per_second_{}, operations_per_second_{};
  double pace_ = 0;  // smooth while it is steady, the last two samples' after a step
};

}  // namespace spliced::run
