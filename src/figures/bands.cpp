// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/bands.h"

namespace spliced::figures {
namespace {

constexpr std::uint64_t kMicrosecond = 1'000;

float rate_of(std::uint64_t bytes, std::uint64_t busy) {
  return busy == 0 ? 0 : static_cast<float>(static_cast<double>(bytes) * 1e9 / static_cast<double>(busy));
}

// Rounded up.
std::uint32_t microseconds(std::uint64_t ticks, unsigned tick) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(((ticks << tick) + kMicrosecond - 1) / kMicrosecond, 0xffffffffU));
}

}  // namespace

LiveBands::LiveBands(const BandGrid& grid, bool several, bool shared)
    : grid_(grid), shared_(shared), cells_(grid.count()) {
  if (!several) return;
  begun_.resize(grid.count());
  before_.resize(grid.count());
}

void LiveBands::Cell::raise(std::uint64_t ticks) {
  const auto value = static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, 0xffffffffU));
  std::uint32_t known = longest.load(std::memory_order_relaxed);
  while (known < value && !longest.compare_exchange_weak(known, value, std::memory_order_relaxed)) {
  }
}

// What a worker still kept of the pass before is none of this one.
void LiveBands::add(std::size_t band, std::uint32_t round, const BandMoved& moved, util::Nanos longest) {
  Cell& cell = cells_[band];
  cell.bytes.fetch_add(moved.bytes, std::memory_order_relaxed);
  cell.busy.fetch_add(moved.busy, std::memory_order_relaxed);
  cell.raise((static_cast<std::uint64_t>(longest) >> kTick) + 1);
  if (begun_.empty() || round >= round_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  begun_[band].bytes += moved.bytes;
  begun_[band].busy += moved.busy;
}

BandMoved LiveBands::moved_in(std::size_t band) const {
  BandMoved out{cells_[band].bytes.load(std::memory_order_relaxed), cells_[band].busy.load(std::memory_order_relaxed)};
  if (!begun_.empty()) {
    out.bytes -= std::min(out.bytes, begun_[band].bytes);
    out.busy -= std::min(out.busy, begun_[band].busy);
  }
  return out;
}

// The first worker that comes to a pass turns the page for all.
void LiveBands::begin_round(std::uint32_t round) {
  if (begun_.empty() || round <= round_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (round <= round_.load(std::memory_order_relaxed)) return;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const BandMoved moved = moved_in(i);
    before_[i] = rate_of(moved.bytes, moved.busy);
    has_before_ = has_before_ || moved.bytes != 0;
    begun_[i].bytes += moved.bytes;
    begun_[i].busy += moved.busy;
  }
  round_.store(round, std::memory_order_relaxed);
}

BandTable LiveBands::table() const {
  BandTable out{grid_, std::vector<BandSums>(cells_.size()), std::vector<float>(cells_.size()), {}, {}, 0};
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    out.sums[i] = {cell.bytes.load(std::memory_order_relaxed), cell.busy.load(std::memory_order_relaxed),
                   microseconds(cell.longest.load(std::memory_order_relaxed), kTick),
                   cell.errors.load(std::memory_order_relaxed)};
    const BandMoved moved = moved_in(i);
    out.last[i] = rate_of(moved.bytes, moved.busy);
  }
  if (has_before_) out.before = before_;
  out.begun = begun_;
  out.round = round_;
  return out;
}

void LiveBands::resume(const BandTable& table) {
  const std::size_t count = cells_.size();
  if (table.grid != grid_ || table.sums.size() != count) return;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    const BandSums& sums = table.sums[i];
    cells_[i].bytes = sums.bytes;
    cells_[i].busy = sums.busy;
    cells_[i].longest = static_cast<std::uint32_t>((std::uint64_t{sums.longest} * kMicrosecond) >> kTick);
    cells_[i].errors = sums.errors;
  }
  round_ = table.round;
  if (begun_.empty()) return;
  if (table.begun.size() == count) begun_ = table.begun;
  has_before_ = table.before.size() == count;
  if (has_before_) before_ = table.before;
}

std::size_t LiveBands::memory() const {
  return sizeof(*this) + cells_.capacity() * sizeof(Cell) + begun_.capacity() * sizeof(BandMoved) +
         before_.capacity() * sizeof(float);
}

void BandTally::turn_to(std::uint32_t round) {
  bands_->begin_round(round);
  round_ = round;
}

void BandTally::enter(std::uint64_t offset, std::uint32_t round) {
  flush();
  turn_to(round);
  band_ = bands_->grid_.index_of(offset);
  start_ = bands_->grid_.start_of(band_);
  width_ = bands_->grid_.width();
}

void BandTally::flush() {
  if (bands_ == nullptr || moved_.busy + moved_.bytes == 0) return;
  bands_->add(band_, round_, moved_, longest_);
  moved_ = {};
  longest_ = 0;
}

void DamageBands::add(std::size_t band, std::size_t kind, std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  counts_[{band, kind}] += n;
}

std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> DamageBands::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace spliced::figures
