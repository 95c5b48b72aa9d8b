// SPDX-License-Identifier: Apache-2.0
#include "rates.h"

#include <algorithm>
#include <cmath>

namespace spliced::run {

using util::Nanos;

namespace {

// Smooth as long as it is steady; another than a fifth more or less is a step, and counts at once.
double follow(double smooth, double recent) {
  const double change = recent - smooth;
  return smooth == 0 || std::abs(change) > smooth / 5 ? recent : smooth + change / 8;
}

}  // namespace

double per_second(std::uint64_t amount, Nanos time) {
  return time > 0 ? static_cast<double>(amount) * 1e9 / static_cast<double>(time) : 0;
}

void Rates::begin(Nanos now, std::uint64_t visited) {
  const std::lock_guard lock(mutex_);
  last_.visited = visited_before_ = visited;
  began_ = at_ = before_at_ = now;
}

void Rates::sample(Nanos now, const MovedSoFar& moved) {
  const std::lock_guard lock(mutex_);
  const Nanos passed = now - at_;
  if (began_ == 0 || passed < util::kSecond) return;
  pace_ = follow(pace_, per_second(moved.visited - visited_before_, now - before_at_));
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    bytes_per_second_[i] = per_second(moved.bytes[i] - last_.bytes[i], passed);
    operations_per_second_[i] = per_second(moved.operations[i] - last_.operations[i], passed);
  }
  before_at_ = at_;
  visited_before_ = last_.visited;
  at_ = now;
  last_ = moved;
}

void Rates::fill(std::array<OpSnapshot, util::kOpClasses>& out, bool over, Nanos elapsed) const {
  const std::lock_guard lock(mutex_);
  const bool on_the_whole = over || at_ <= began_;
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    OpSnapshot& op = out[i];
    op.bytes_per_second = on_the_whole ? per_second(op.bytes, elapsed) : bytes_per_second_[i];
    op.operations_per_second = on_the_whole ? per_second(op.operations, elapsed) : operations_per_second_[i];
  }
}

double Rates::pace(double mean) const {
  const std::lock_guard lock(mutex_);
  return at_ > began_ ? std::clamp(pace_, mean / 10, mean * 10) : mean;
}

}  // namespace spliced::run
