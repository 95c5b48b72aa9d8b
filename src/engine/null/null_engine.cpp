// SPDX-License-Identifier: Apache-2.0
#include "null_engine.h"

#include <utility>

namespace spliced::engine {

std::size_t NullEngine::reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) {
  if (min == 0 || queue_.size() == 0) return 0;
  util::Nanos last = clock_.now();
  std::size_t count = 0;
  for (IoSlot* const slot : queue_.front(ended.size())) {
    if (stop_.stop_requested() || (until != 0 && last >= until)) break;
    slot->error = 0;
    slot->moved = moves_data(slot->op) || slot->op == util::Op::trim ? slot->length : 0;
    slot->data = slot->op == util::Op::read ? slot->buffer : nullptr;
    slot->outcome = Outcome::done;
    slot->ended = clock_.now();
    slot->spent = slot->ended - std::exchange(last, slot->ended);
    ended[count++] = slot;
  }
  queue_.pop(count);
  return count;
}

}  // namespace spliced::engine
