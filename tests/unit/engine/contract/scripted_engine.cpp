// SPDX-License-Identifier: Apache-2.0
#include "scripted_engine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/plain.h"

namespace spliced::engine::contract {

std::size_t ScriptedEngine::submit(std::span<IoSlot* const> slots) {
  const std::size_t count = std::min(slots.size(), kDepth - waiting_.size() - flying_.size());
  waiting_.insert(waiting_.end(), slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

std::size_t ScriptedEngine::withdraw(std::span<IoSlot*> slots) {
  const std::size_t count = std::min(slots.size(), waiting_.size());
  std::copy_n(waiting_.begin(), count, slots.begin());
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

std::size_t ScriptedEngine::reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) {
  if (min == 0) return 0;  // nothing has ended that was not reaped
  // More may have ended than were waited for.
  const std::size_t wanted = std::min(ended.size(), min + random_.below(4));
  std::size_t count = 0;
  for (begin(until); count < wanted && !flying_.empty(); begin(until)) {
    ended[count++] = &end_one();
    if (ended[count - 1]->outcome != Outcome::done) break;
  }
  return count;
}

void ScriptedEngine::begin(util::Nanos until) {
  const util::Nanos now = clock_.now();
  while (flying_.size() < kInKernel && !waiting_.empty() && !stop_.stop_requested() && (until == 0 || now < until)) {
    if (flying_.empty()) begun_ = now;
    flying_.push_back(waiting_.front());
    waiting_.pop_front();
    *flying_.back() = [](IoSlot slot) {
      slot.moved = 0;
      slot.error = 0;
      slot.data = nullptr;
      return slot;
    }(*flying_.back());
  }
}

IoSlot& ScriptedEngine::end_one() {
  const auto index = static_cast<std::ptrdiff_t>(random_.below(flying_.size()));
  IoSlot& slot = *flying_[static_cast<std::size_t>(index)];
  slot.outcome = Outcome::done;
  move(slot);
  flying_.erase(flying_.begin() + index);
  slot.ended = clock_.now();
  slot.spent = slot.ended - begun_;
  return slot;
}

void ScriptedEngine::move(IoSlot& slot) {
  const bool reads = slot.op == util::Op::read;
  while (slot.outcome == Outcome::done && (slot.moved < slot.length || !moves_data(slot.op))) {
    const Fault fault = hook_ ? hook_(slot.op, slot.offset + slot.moved) : Fault{};
    if (fault.action) fault.action();
    if (fault.error != 0) {
      fail(slot, fault.error);
      continue;
    }
    if (!moves_data(slot.op)) {
      if (slot.op == util::Op::trim) slot.moved = slot.length;
      return;
    }
    const std::uint64_t at = slot.offset + slot.moved;
    const std::size_t room = at < target_.size() ? target_.size() - at : 0;
    const std::size_t bytes = std::min({slot.length - slot.moved, fault.limit, room});
    if (bytes == 0) {
      slot.outcome = Outcome::end_of_target;
      break;
    }
    std::byte* const memory = slot.buffer + slot.moved;
    reads ? std::memcpy(memory, target_.data() + at, bytes) : std::memcpy(target_.data() + at, memory, bytes);
    slot.moved += bytes;
  }
  const bool whole = slot.outcome == Outcome::done || slot.outcome == Outcome::end_of_target;
  if (reads && whole) slot.data = slot.buffer;
}

// An interrupted call is made again, unless it was to be the last.
void ScriptedEngine::fail(IoSlot& slot, int error) const {
  if ((error == EINTR || error == EAGAIN) && !stop_.stop_requested()) return;
  const bool stopped = (error == EINTR || error == EAGAIN) && stop_.stop_requested();
  slot.outcome = stopped ? Outcome::stopped : outcome_of(error);
  slot.error = stopped ? 0 : error;
}

}  // namespace spliced::engine::contract
