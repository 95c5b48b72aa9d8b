// SPDX-License-Identifier: Apache-2.0
#include "psync_engine.h"

#include <cstring>
#include <utility>
#include <vector>

#include "engine/plain.h"

namespace spliced::engine {

using util::Op;

std::size_t PsyncEngine::submit(std::span<IoSlot* const> slots) {
  if (next_ != nullptr || slots.empty()) return 0;
  next_ = slots.front();
  return 1;
}

std::size_t PsyncEngine::withdraw(std::span<IoSlot*> slots) {
  if (next_ == nullptr || slots.empty()) return 0;
  slots[0] = std::exchange(next_, nullptr);
  return 1;
}

std::size_t PsyncEngine::reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) {
  if (min == 0 || next_ == nullptr || ended.empty()) return 0;
  IoSlot& slot = *next_;
  slot.moved = 0;
  slot.error = 0;
  slot.data = nullptr;
  watch_.start(until);
  const bool begun = moves_data(slot.op) ? transfer(slot) : run_plain({sys_, retry_, watch_}, fd_, block_device_, slot);
  watch_.stop();
  if (!begun) return 0;
  ended[0] = std::exchange(next_, nullptr);
  return 1;
}

// Whole, or as far as it goes. false: it has not begun, because of a stop or the time.
bool PsyncEngine::transfer(IoSlot& slot) {
  if (should_stop_before(retry_, watch_, slot)) return false;
  const bool reads = slot.op == Op::read;
  slot.outcome = Outcome::done;
  while (slot.moved < slot.length) {
    std::byte* const at = slot.buffer + slot.moved;
    const std::size_t left = slot.length - slot.moved;
    const std::uint64_t offset = slot.offset + slot.moved;
    const CallResult got =
        retry_([&] { return reads ? sys_.pread(fd_, at, left, offset) : sys_.pwrite(fd_, at, left, offset); });
    if (got.ok() && got.value > 0) {
      slot.moved += static_cast<std::size_t>(got.value);
      if (slot.moved == slot.length) break;
      counters_.short_transfers[index_of(reads ? Direction::read : Direction::write)].add();
      if (!retry_.stopping()) continue;
      slot.outcome = Outcome::stopped;
    } else if (got.ok()) {
      slot.outcome = Outcome::end_of_target;
    } else {
      slot.outcome = got.stopped ? Outcome::stopped : outcome_of(got.error);
      slot.error = got.stopped ? 0 : got.error;
    }
    break;
  }
  slot.spent = watch_.lap();
  slot.ended = watch_.last();
  const bool whole = slot.outcome == Outcome::done || slot.outcome == Outcome::end_of_target;
  slot.data = reads && whole ? slot.buffer : nullptr;
  return true;
}

namespace {

using util::OpClass;

constexpr EventFamily kRetryFamily{
    "retry", "spliced_psync_retries_total", "pread and pwrite calls that were repeated, by errno.", {"errno"}};
constexpr EventFamily kShortFamily{"short_transfer",
                                   "spliced_psync_short_transfers_total",
                                   "pread and pwrite calls that moved less than was asked.",
                                   {"op"}};

std::vector<Event> make_psync_events() {
  std::vector<Event> out;
  for (const int error : kRetryErrors) out.push_back({&kRetryFamily, {::strerrorname_np(error)}, {}});
  out.push_back({&kShortFamily, {"read"}, OpClass::read});
  out.push_back({&kShortFamily, {"write"}, OpClass::write});
  return out;
}

}  // namespace

std::span<const Event> psync_events() {
  static const std::vector<Event> events = make_psync_events();
  return events;
}

void PsyncEngine::add_events(std::span<std::uint64_t> sums) const {
  auto sum = sums.begin();
  for (const util::Tally& tally : counters_.retries) *sum++ += tally.get();
  for (const util::Tally& tally : counters_.short_transfers) *sum++ += tally.get();
}

}  // namespace spliced::engine
