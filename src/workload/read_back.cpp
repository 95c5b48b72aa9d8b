// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/read_back.h"

#include <algorithm>

namespace spliced::workload {

ReadBack::ReadBack(std::uint64_t blocks, std::uint64_t chunk, std::uint64_t distance)
    : blocks_(blocks), chunk_(chunk), chunks_((blocks + chunk - 1) / chunk) {
  if (blocks == 0) return;
  ahead_ = std::clamp<std::uint64_t>((distance - 1) / chunk + 1, 1, chunks_);
  short_step_ = step_of_write(chunks_ - 1);
  missing_ = chunks_ * chunk - blocks;
}

// Steps: `ahead_` writes; then a write and a read in turn; at the end `ahead_` reads.
std::uint64_t ReadBack::step_of_write(std::uint64_t chunk) const {
  return chunk < ahead_ ? chunk : 2 * chunk - ahead_;
}

ReadBack::Step ReadBack::at(std::uint64_t position) const {
  const std::uint64_t whole = position < short_step_ * chunk_ + (chunk_ - missing_) ? position : position + missing_;
  const std::uint64_t step = whole / chunk_, within = whole % chunk_;
  if (step < ahead_) return {false, step * chunk_ + within};
  if (step >= 2 * chunks_ - ahead_) return {true, (step - chunks_) * chunk_ + within};
  const std::uint64_t turn = step - ahead_;
  const bool reads = turn % 2 != 0;
  return {reads, (turn / 2 + (reads ? 0 : ahead_)) * chunk_ + within};
}

std::uint64_t ReadBack::position_in(std::uint64_t step, std::uint64_t index) const {
  const std::uint64_t whole = step * chunk_ + index % chunk_;
  return step > short_step_ ? whole - missing_ : whole;
}

std::uint64_t ReadBack::position_of_write(std::uint64_t index) const {
  return position_in(step_of_write(index / chunk_), index);
}

std::uint64_t ReadBack::position_of_read(std::uint64_t index) const {
  const std::uint64_t chunk = index / chunk_;
  return position_in(chunk + ahead_ < chunks_ ? ahead_ + 2 * chunk + 1 : chunk + chunks_, index);
}

}  // namespace spliced::workload
