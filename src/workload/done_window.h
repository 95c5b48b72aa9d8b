// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "spliced/workload/cursor.h"

namespace spliced::workload {

// Which positions of a sequence are done: the part of it in which some are and some are not, which moves on. Positions
// are told in groups, so that a worker that goes through them in order has one atomic operation for each group.
//
// What takes longest does not hold up the rest: when the window is full, those that are missing at its beginning are
// put on a list, and it moves on. With a bitmap alone, a queue of 1,024 of which one in ten thousand takes a hundred
// times as long would come to two thirds of its rate.
//
// Thread-safe. mark() locks only for what was put on the list, make_room() never waits.
class DoneWindow {
 public:
  static constexpr std::uint64_t kGroup = 32;  // positions

  explicit DoneWindow(const Cursor& from);
  DoneWindow(const DoneWindow&) = delete;
  DoneWindow& operator=(const DoneWindow&) = delete;

  // Positions of a group that are done: bit i for group * kGroup + i. Each once, and all below limit().
  void mark(std::uint64_t group, std::uint32_t positions);
  // Only what is below may be begun.
  [[nodiscard]] std::uint64_t limit() const { return base_.load(std::memory_order_acquire) + Cursor::kWindow; }
  // Moves on until `end` is within the limit. false when too much is missing, or somebody else is at it: try again.
  [[nodiscard]] bool make_room(std::uint64_t end);
  // Whether it is done; false, too, when that is not to be told at this moment.
  [[nodiscard]] bool is_done(std::uint64_t position) const;
  // Whether all before it is, likewise. Moves on where it can.
  [[nodiscard]] bool all_done_before(std::uint64_t position);
  // All but Cursor::position.
  void copy_to(Cursor& out) const;

 private:
  static constexpr std::uint64_t kGroups = Cursor::kWindow / kGroup;
  // The upper half of a word tells which of the groups that share its place it is for: one that is late does not find
  // its own any more.
  static constexpr std::uint64_t tag_of(std::uint64_t group) { return group / kGroups << 32; }
  [[nodiscard]] std::uint32_t done_in(std::uint64_t group) const;
  void mark_missing(std::uint64_t group, std::uint32_t positions);
  void pass_what_is_done();
  [[nodiscard]] bool list_what_is_missing();
  void next_group(std::uint64_t group);

  std::array<std::atomic<std::uint64_t>, kGroups> words_{};
  std::atomic<std::uint64_t> base_;  // first position of the window, a multiple of kGroup
  mutable std::mutex mutex_;         // guards missing_, and held by whoever moves base_
  std::vector<std::uint64_t> missing_;
  std::atomic<std::size_t> missing_count_{0};  // of them, for who does not lock
};

}  // namespace spliced::workload
