// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <optional>
#include <span>

#include "write_history.h"

namespace spliced::run {

// What should be where, for whoever checks what was read. Thread-safe.
class Expectation {
 public:
  virtual ~Expectation() = default;
  // What of `data`, which was read at `offset` in a round of the workload, is alike from its beginning on. `position`:
  // of the read.
  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t round = 0;
    std::uint64_t position = 0;
  };
  [[nodiscard]] virtual WriteHistory::Piece at(const Place& place, std::span<const std::byte> data) const = 0;
  [[nodiscard]] virtual verify::Generation before(const Place& place) const = 0;
  // Whether what is wrong in an interval that was read at `offset` is what a write leaves that nobody knows to have
  // ended, or what another stage with other intervals wrote.
  [[nodiscard]] virtual bool may_be_cut_off(std::span<const std::byte>, std::uint64_t, std::uint32_t) const {
    return false;
  }
};

// What the job itself wrote.
class OwnData final : public Expectation {
 public:
  // Both outlive it. `own`: the series of the workload that reads, if it writes, too.
  OwnData(const WriteHistory& history, const WrittenSeries* own) : history_(history), own_(own) {}
  [[nodiscard]] WriteHistory::Piece at(const Place& place, std::span<const std::byte> data) const override {
    return history_.at(place.offset, data.size(), {own_, place.round, place.position});
  }
  [[nodiscard]] verify::Generation before(const Place& place) const override {
    return history_.before(place.offset, {own_, place.round, place.position});
  }

 private:
  const WriteHistory& history_;
  const WrittenSeries* const own_;
};

// Data that another job wrote, perhaps under another daemon: it tells its passes itself.
class FoundData final : public Expectation {
 public:
  struct Wanted {
    std::optional<verify::RunId> run;  // none: that of the first header
    std::optional<std::uint64_t> seed;
    std::optional<std::uint64_t> device;     // none: the target has no number of its own, and the data says whose it is
    std::optional<verify::Payload> payload;  // where it is no random data
  };
  explicit FoundData(Wanted wanted) : wanted_(std::move(wanted)) {}
  // That of this image.
  explicit FoundData(std::shared_ptr<const verify::Image> image) : image_(std::move(image)) {}

  // Looks for a header of the data in what was read at `offset`; whether one is known now. Before any at().
  bool learn(std::span<const std::byte> data, std::uint64_t offset);
  // Whether any of it is in that, for which a wrong place, an older pass and damage are no hindrance. Once one is
  // known.
  [[nodiscard]] bool has_trace_in(std::span<const std::byte> interval, std::uint64_t offset) const {
    return look_at(interval, offset).any;
  }
  // Likewise, of data that belongs there, of whatever pass.
  [[nodiscard]] bool has_own_in(std::span<const std::byte> interval, std::uint64_t offset) const {
    return look_at(interval, offset).pass.has_value();
  }
  // Whether all of the range was written: what has no trace of it is wrong then. Else nobody can tell it from what that
  // job had not come to yet.
  void set_whole(bool whole) { is_whole_ = whole; }
  [[nodiscard]] const verify::Image* image() const { return image_ ? image_.get() : nullptr; }
  [[nodiscard]] WriteHistory::Piece at(const Place& place, std::span<const std::byte> data) const override;
  [[nodiscard]] verify::Generation before(const Place&) const override { return {}; }
  [[nodiscard]] bool may_be_cut_off(std::span<const std::byte> interval, std::uint64_t offset,
                                    std::uint32_t pass) const override;

 private:
  [[nodiscard]] bool is_wanted(const verify::Header& header) const;
  struct Trace {
    bool any = false;                   // of the data, perhaps of another place
    std::optional<std::uint32_t> pass;  // of what belongs there
  };
  [[nodiscard]] Trace look_at(std::span<const std::byte> interval, std::uint64_t offset) const;
  [[nodiscard]] Trace look_at_sector(std::span<const std::byte> sector, std::uint64_t offset) const;

  [[nodiscard]] bool is_of_other_layout(std::span<const std::byte> sector, std::uint64_t offset,
                                        std::uint32_t pass) const;

  const Wanted wanted_{};
  std::shared_ptr<const verify::Image> image_;
  bool is_whole_ = false;
  mutable std::atomic<std::uint32_t> last_{0};  // the pass that was found last
};

}  // namespace spliced::run
