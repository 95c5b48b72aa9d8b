// SPDX-License-Identifier: Apache-2.0
#include "done_window.h"

#include <algorithm>
#include <bit>

namespace spliced::workload {
namespace {

constexpr std::uint32_t kAll = ~std::uint32_t{0};

}  // namespace

DoneWindow::DoneWindow(const Cursor& from) : base_(from.watermark / kGroup * kGroup) {
  const std::uint64_t base = base_;
  const std::uint64_t known = from.watermark + 64 * from.done.size();
  for (std::uint64_t group = base / kGroup; group < base / kGroup + kGroups; ++group) {
    std::uint64_t word = tag_of(group);
    for (std::uint64_t at = group * kGroup; at < std::min(known, (group + 1) * kGroup); ++at) {
      if (from.is_done(at)) word |= std::uint64_t{1} << (at % kGroup);
    }
    words_[group % kGroups].store(word, std::memory_order_relaxed);
  }
  missing_.reserve(Cursor::kMaxMissing);
  std::copy_if(from.missing.begin(), from.missing.end(), std::back_inserter(missing_),
               [&](std::uint64_t position) { return position < base; });
  missing_count_ = missing_.size();
}

void DoneWindow::mark(std::uint64_t group, std::uint32_t positions) {
  std::atomic<std::uint64_t>& word = words_[group % kGroups];
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & ~std::uint64_t{kAll}) != tag_of(group)) [[unlikely]]
      return mark_missing(group, positions);
  } while (!word.compare_exchange_weak(seen, seen | positions, std::memory_order_release, std::memory_order_relaxed));
}

void DoneWindow::mark_missing(std::uint64_t group, std::uint32_t positions) {
  const std::lock_guard lock(mutex_);
  for (; positions != 0; positions &= positions - 1) {
    const std::uint64_t position = group * kGroup + static_cast<unsigned>(std::countr_zero(positions));
    const auto found = std::lower_bound(missing_.begin(), missing_.end(), position);
    if (found != missing_.end() && *found == position) missing_.erase(found);
  }
  missing_count_.store(missing_.size(), std::memory_order_release);
}

bool DoneWindow::make_room(std::uint64_t end) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return end <= limit();
  pass_what_is_done();
  while (end > limit() && list_what_is_missing()) pass_what_is_done();
  return end <= limit();
}

std::uint32_t DoneWindow::done_in(std::uint64_t group) const {
  return static_cast<std::uint32_t>(words_[group % kGroups].load(std::memory_order_acquire));
}

// Its place is from now on that of the group which comes in with it.
void DoneWindow::next_group(std::uint64_t group) {
  base_.store((group + 1) * kGroup, std::memory_order_release);
}

// Nobody marks a group of which all is marked.
void DoneWindow::pass_what_is_done() {
  for (std::uint64_t group = base_ / kGroup; done_in(group) == kAll; ++group) {
    words_[group % kGroups].store(tag_of(group + kGroups), std::memory_order_relaxed);
    next_group(group);
  }
}

// Whoever marks some of them meanwhile finds them in the list: it is complete before the mutex is free.
bool DoneWindow::list_what_is_missing() {
  const std::uint64_t group = base_ / kGroup;
  std::atomic<std::uint64_t>& word = words_[group % kGroups];
  std::uint64_t seen = word.load(std::memory_order_acquire);
  do {
    const auto missing = static_cast<std::size_t>(std::popcount(static_cast<std::uint32_t>(~seen)));
    if (missing_.size() + missing > Cursor::kMaxMissing) return false;
  } while (!word.compare_exchange_weak(seen, tag_of(group + kGroups), std::memory_order_acq_rel));
  for (auto left = static_cast<std::uint32_t>(~seen); left != 0; left &= left - 1) {
    missing_.push_back(group * kGroup + static_cast<unsigned>(std::countr_zero(left)));
  }
  missing_count_.store(missing_.size(), std::memory_order_release);
  next_group(group);
  return true;
}

bool DoneWindow::is_done(std::uint64_t position) const {
  const std::uint64_t group = position / kGroup;
  if (position >= base_.load(std::memory_order_acquire)) {
    const std::uint64_t word = words_[group % kGroups].load(std::memory_order_acquire);
    return (word & ~std::uint64_t{kAll}) == tag_of(group) && (word >> (position % kGroup) & 1) != 0;
  }
  if (missing_count_.load(std::memory_order_acquire) == 0) return true;
  const std::lock_guard lock(mutex_);
  return !std::binary_search(missing_.begin(), missing_.end(), position);
}

// What is missing lies before the window.
bool DoneWindow::all_done_before(std::uint64_t position) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return false;
  pass_what_is_done();
  if (!missing_.empty()) return false;
  for (std::uint64_t at = base_; at < position; at += kGroup) {
    const std::uint64_t wanted = std::min(position - at, kGroup);
    const auto before = static_cast<std::uint32_t>((std::uint64_t{1} << wanted) - 1);
    if ((done_in(at / kGroup) & before) != before) return false;
  }
  return true;
}

void DoneWindow::copy_to(Cursor& out) const {
  const std::lock_guard lock(mutex_);
  out.missing = missing_;
  std::uint64_t group = base_ / kGroup;
  const std::uint64_t end = group + kGroups;
  while (group < end && done_in(group) == kAll) ++group;
  out.watermark = group * kGroup;
  if (group < end) out.watermark += static_cast<unsigned>(std::countr_one(done_in(group)));
  out.done.assign(Cursor::kWindow / 64, 0);
  for (; group < end; ++group) {
    for (std::uint32_t done = done_in(group); done != 0; done &= done - 1) {
      const std::uint64_t position = group * kGroup + static_cast<unsigned>(std::countr_zero(done));
      if (position < out.watermark) continue;
      const std::uint64_t bit = position - out.watermark;
      out.done[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }
  while (!out.done.empty() && out.done.back() == 0) out.done.pop_back();
}

}  // namespace spliced::workload
