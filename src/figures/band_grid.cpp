// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/band_grid.h"

#include <algorithm>
#include <limits>

namespace spliced::figures {
namespace {

constexpr std::uint64_t kGrain = 4096;  // bytes that a width is a multiple of

}  // namespace

BandGrid::BandGrid(std::uint64_t offset, std::uint64_t size) : offset_(offset), size_(size) {
  if (size == 0) return;
  const std::uint64_t wanted = std::clamp<std::uint64_t>(size / kLeastWidth, 1, kMost);
  const std::uint64_t even = (size - 1) / wanted + 1;
  width_ = (even + kGrain - 1) / kGrain * kGrain;
  count_ = static_cast<std::size_t>((size - 1) / width_ + 1);
  inverse_ = std::numeric_limits<std::uint64_t>::max() / width_;
}

std::uint64_t BandGrid::length_of(std::size_t band) const {
  return std::min(width_, size_ - band * width_);
}

}  // namespace spliced::figures
