// SPDX-License-Identifier: Apache-2.0
// What I/O came to over the range of a device: sums per band, and how fast each band was in the last two passes.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "spliced/figures/band_grid.h"
#include "spliced/util/clock.h"

namespace spliced::figures {

// Of one band, in one direction, since its stage began.
struct BandSums {
  std::uint64_t bytes = 0;
  std::uint64_t busy = 0;     // nanoseconds in which workers had I/O there under way, added up over the workers
  std::uint32_t longest = 0;  // of one operation, microseconds, rounded up
  std::uint32_t errors = 0;
  bool operator==(const BandSums&) const = default;
};

// What was moved in a band, as BandSums.
struct BandMoved {
  std::uint64_t bytes = 0, busy = 0;
  bool operator==(const BandMoved&) const = default;
};

// One direction of one stage. An ordinary value.
struct BandTable {
  BandGrid grid;
  std::vector<BandSums> sums;  // by band
  // Bytes per second of one worker in the last pass over the range, and in the one before; 0 where nothing was moved.
  // The second is empty when there was only one.
  std::vector<float> last, before;
  std::vector<BandMoved> begun;  // the sums when the last pass began; empty: when the stage did
  std::uint32_t round = 0;       // the number of the last pass
};

// Of one direction of a stage. Workers count into it by a BandTally of their own; everybody else reads.
class LiveBands {
 public:
  // `several`: there may be more than one pass. `shared`: more than one tally may be in use at the same time. Allocates
  // all that it will ever need.
  LiveBands(const BandGrid& grid, bool several, bool shared = true);

  [[nodiscard]] const BandGrid& grid() const { return grid_; }
  [[nodiscard]] BandTable table() const;
  // Goes on with what was recorded before a restart, if it is of the same grid. Before any tally.
  void resume(const BandTable& table);
  [[nodiscard]] std::size_t memory() const;  // bytes

 private:
  friend class BandTally;
  // Times are in nanoseconds, the longest in kTick.
  static constexpr unsigned kTick = 10;  // 2^10 ns
  struct Cell {
    std::atomic<std::uint64_t> bytes{0}, busy{0};
    std::atomic<std::uint32_t> longest{0}, errors{0};

    // By who is the only one to add.
    void add_alone(std::uint64_t moved, std::uint64_t spent) {
      bytes.store(bytes.load(std::memory_order_relaxed) + moved, std::memory_order_relaxed);
      busy.store(busy.load(std::memory_order_relaxed) + spent, std::memory_order_relaxed);
      const std::uint64_t ticks = (spent >> kTick) + 1;
      if (ticks > longest.load(std::memory_order_relaxed)) raise(ticks);
    }
    void raise(std::uint64_t ticks);
  };
  void add(std::size_t band, std::uint32_t round, const BandMoved& moved, util::Nanos longest);
  void begin_round(std::uint32_t round);
  [[nodiscard]] BandMoved moved_in(std::size_t band) const;

  const BandGrid grid_;
  const bool shared_;  // else who adds is the only one
  std::vector<Cell> cells_;
  std::atomic<std::uint32_t> round_{0};
  mutable std::mutex mutex_;      // guards what follows, which changes between passes
  std::vector<BandMoved> begun_;  // the sums when the pass began; empty: there is one pass
  std::vector<float> before_;     // of the pass before it
  bool has_before_ = false;
};

// What one worker adds to the bands of one direction. Where others add, too, it keeps what it did in a band until it
// comes to another: a sequential pass touches the shared counters once in thousands of blocks. No lock, but at the
// border of a pass.
class BandTally {
 public:
  explicit BandTally(LiveBands* bands = nullptr) : bands_(bands) {}  // null: counts nothing

  void add(std::uint64_t offset, std::uint64_t bytes, util::Nanos spent, std::uint32_t round) {
    if (bands_ == nullptr) return;
    if (!bands_->shared_) {
      if (round != round_) turn_to(round);
      return bands_->cells_[bands_->grid_.index_of(offset)].add_alone(bytes, static_cast<std::uint64_t>(spent));
    }
    if (offset - start_ >= width_ || round != round_) enter(offset, round);
    moved_.bytes += bytes;
    moved_.busy += static_cast<std::uint64_t>(spent);
    longest_ = std::max(longest_, spent);
  }
  void fail(std::uint64_t offset) {
    if (bands_ == nullptr) return;
    bands_->cells_[bands_->grid_.index_of(offset)].errors.fetch_add(1, std::memory_order_relaxed);
  }
  void flush();

 private:
  void turn_to(std::uint32_t round);
  void enter(std::uint64_t offset, std::uint32_t round);

  LiveBands* bands_;
  std::uint32_t round_ = 0;
  std::uint64_t start_ = 0, width_ = 0;  // of the band that it is in
  std::size_t band_ = 0;
  BandMoved moved_;
  util::Nanos longest_ = 0;
};

// How many miscompares of which kind lie in which band. Thread-safe; only used when something is wrong.
class DamageBands {
 public:
  void add(std::size_t band, std::size_t kind, std::uint64_t n = 1);
  [[nodiscard]] std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> counts() const;  // by band and kind

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> counts_;
};

}  // namespace spliced::figures
