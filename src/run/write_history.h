// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "spliced/run/checkpoint.h"
#include "spliced/run/verification.h"
#include "spliced/verify/damage.h"
#include "spliced/workload/cursor.h"
#include "spliced/workload/pass.h"

namespace spliced::run {

// Positions of one series of passes of which nobody knows whether they are done, in ranges that neither touch nor
// overlap. There are kMost at most: beyond, those that are nearest to one another become one, so that what is in doubt
// is never taken for certain. Thread-safe; contains() locks only when there are any.
class Doubts {
 public:
  static constexpr std::size_t kMost = 4'096;

  void add(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] bool contains(std::uint64_t position) const;
  [[nodiscard]] std::size_t ranges() const { return count_.load(std::memory_order_acquire); }
  [[nodiscard]] std::vector<PositionRange> list() const;

 private:
  void merge_nearest();
  mutable std::mutex mutex_;
  std::vector<PositionRange> ranges_;
  std::atomic<std::size_t> count_{0};
};

// Which of the streams of which stage of a device.
struct StreamPlace {
  std::size_t stage = 0, stream = 0;
  std::string name = {};  // of the stage
};

// What one workload changed on a device, round after round.
class WrittenSeries {
 public:
  // `image`: of what is written; null where it trims. `first_pass`: of its first round. `contested`: others change the
  // same places at the same time.
  WrittenSeries(std::shared_ptr<const verify::Image> image, workload::Pass first_round, std::uint32_t first_pass,
                bool contested = false, StreamPlace place = {})
      : place_(std::move(place)),
        image_(std::move(image)),
        first_round_(std::move(first_round)),
        first_pass_(first_pass),
        contested_(contested) {}

  // Goes on from there after a restart: of what the daemon did after that, nobody knows anything. `rounds`: how many
  // there may be at most. Before anything else.
  void resume(workload::Cursor from, std::uint64_t rounds, const std::vector<PositionRange>& doubts);
  // How far it came, once it has ended: before, nobody asks of what is not done by order. On the device's thread.
  void end(workload::Cursor cursor);
  // What is written at positions from the last good FLUSH on, to before `end`, is in doubt.
  void flush_failed(std::uint64_t end);
  void flushed(std::uint64_t watermark) { flushed_ = watermark; }

  void flush_of_all(bool done);  // once it has ended
  // Adds places that are in doubt, until there are `most`.
  void list_doubts(std::vector<DoubtfulRange>& out, std::size_t most) const;

  [[nodiscard]] Doubts& doubts() { return doubts_; }
  [[nodiscard]] const Doubts& doubts() const { return doubts_; }
  [[nodiscard]] const std::shared_ptr<const verify::Image>& image() const { return image_; }
  [[nodiscard]] const workload::Pass& first_round() const { return first_round_; }
  [[nodiscard]] std::uint32_t first_pass() const { return first_pass_; }
  // That were begun.
  [[nodiscard]] std::uint64_t rounds() const;
  // That were handed out, of one that has ended.
  [[nodiscard]] std::uint64_t positions() const { return ended_ ? ended_->position : 0; }
  // Whether the order tells what is where.
  [[nodiscard]] bool is_known() const { return first_round_.is_known() && !contested_; }

  // The last round before `before` that changed a block, and whether that is in doubt.
  struct Change {
    std::uint64_t round = 0;
    std::uint64_t position = 0;
    bool doubtful = false;
    bool outdated = false;  // before a restart, a later round may have changed it
  };
  [[nodiscard]] std::optional<Change> last_change(std::uint64_t block, std::uint64_t before) const;

  [[nodiscard]] const std::string& stage() const { return place_.name; }
  // What is to be known of it after a restart.
  [[nodiscard]] SeriesPoint point() const;

 private:
  const StreamPlace place_;
  const std::shared_ptr<const verify::Image> image_;
  const workload::Pass first_round_;
  const std::uint32_t first_pass_;
  const bool contested_;
  std::optional<workload::Cursor> resumed_;  // where it went on
  std::uint64_t most_rounds_ = 0;            // of one that did
  std::optional<workload::Cursor> ended_;
  std::atomic<std::uint64_t> flushed_{0};  // all positions before it are on the medium
  Doubts doubts_;
};

// Which data is right, without remembering any of it: what was written where follows from the order of each series and
// from how far it came. Series are added on the device's thread, while nobody looks.
class WriteHistory {
 public:
  using Series = std::shared_ptr<WrittenSeries>;

  void add(Series series);
  // Of those that have ended.
  void flushed();
  void flush_failed();
  // The last round that was begun of the series of a stage: of that name, or in the last round of a repeat, "NAME#2"; 0
  // where there is none.
  [[nodiscard]] std::uint64_t last_round_of(const std::string& stage) const;
  // Whether something was written in that range of which neither tags nor headers say what it is. As add().
  [[nodiscard]] bool has_unmarked_in(const workload::BlockRange& range) const;
  // In their order. On the device's thread.
  [[nodiscard]] std::vector<SeriesPoint> points() const;
  // Ranges in all of them, from any thread.
  [[nodiscard]] std::size_t doubts() const;

  // Whose view it is: of a series that goes on, the rounds before `round` are complete. `own` null: all have ended.
  struct View {
    const WrittenSeries* own = nullptr;
    std::uint64_t round = 0;
    std::uint64_t position = 0;
  };
  enum class Certainty : std::uint8_t {
    known,     // it holds `expected`
    outdated,  // likewise, or what was written after that and before a restart, perhaps in part
    trimmed,   // likewise, or zeros, or ones
    doubtful,  // a write that may not have reached it, or only in part
    unknown,   // nothing was written
    untraced,  // nothing of what another job wrote is there
  };
  // What is alike from `offset` on.
  struct Piece {
    std::uint64_t length = 0;
    Certainty certainty = Certainty::unknown;
    verify::Generation expected;  // null image: nobody knows
    // Bytes that its series has moved at least since it was written, until the position of the view.
    std::uint64_t moved_since = std::numeric_limits<std::uint64_t>::max();
  };
  [[nodiscard]] Piece at(std::uint64_t offset, std::uint64_t length, const View& view) const;
  // What was there before that; for a place of known data.
  [[nodiscard]] verify::Generation before(std::uint64_t offset, const View& view) const;

 private:
  struct Found {
    Certainty certainty = Certainty::unknown;
    verify::Generation generation;
    std::uint64_t moved_since = std::numeric_limits<std::uint64_t>::max();
  };
  // The newest at a place, after `skip` others that are known. Cuts `length` to what is alike.
  [[nodiscard]] Found find(std::uint64_t offset, std::uint64_t& length, const View& view, unsigned skip) const;
  mutable std::mutex mutex_;  // held by who adds, and by who asks while others may add
  std::vector<Series> series_;
};

}  // namespace spliced::run
