// SPDX-License-Identifier: Apache-2.0
#include "write_path.h"

#include <fcntl.h>

#include <algorithm>

#include "fallback.h"
#include "slots.h"

namespace spliced::engine {

// Round by round: as much as the pipe holds goes in, and out to the target. The transfers that ended leave at the
// front; one that failed takes the pipe with it, and what lay behind it there.
std::size_t WritePath::run(std::span<IoSlot* const> group) {
  const bool alone = group.size() == 1;
  std::size_t ended = 0;
  do {
    const std::span<IoSlot* const> rest = group.subspan(ended);
    const CallResult filled = fill(rest, alone);
    if (!filled.ok()) {
      if (has_not_begun(filled, *rest.front())) return ended;
      give_up_memory(ctx_, *rest.front(), filled);
      charge_time(*rest.front());
      return ended + 1;
    }
    ended += flush(rest, static_cast<std::size_t>(filled.value));
  } while (ended < group.size() && (ended == 0 || group[ended - 1]->outcome == Outcome::done));
  return ended;
}

// How many bytes are in the pipe now, at least one; or why there are none.
CallResult WritePath::fill(std::span<IoSlot* const> group, bool alone) {
  if (should_stop_before(ctx_, *group.front())) return kNotBegun;
  if (const int error = ctx_.pipe.ensure_open(); error != 0) return {-1, error, false};
  const Filling filling = gather(group);
  CallResult got = put(filling);
  if (!got.ok() && !got.stopped && vmsplice_) {
    if (const auto event = write_fallback(got.error)) {
      vmsplice_ = false;
      count_fallback(ctx_.counters, *event, got.error);
      got = put(filling);
    }
  }
  if (got.ok() && got.value == 0) return {-1, EIO, false};
  if (!alone && got.ok()) {
    const util::Nanos time = ctx_.watch.lap();
    const util::Nanos share = time / static_cast<util::Nanos>(filling.transfers);
    for (IoSlot* const transfer : group.first(filling.transfers)) transfer->spent += share;
    group.front()->spent += time - share * static_cast<util::Nanos>(filling.transfers);
  }
  return got;
}

// As far as the pipe has slots: a blocking call on a full pipe would wait for ever. Only the first may go in part: a
// block that fits into a pipe is one write of the device. Neighbours in memory are one part, so that small blocks share
// a slot.
WritePath::Filling WritePath::gather(std::span<IoSlot* const> group) const {
  Filling out;
  std::size_t slots = ctx_.pipe.slots();
  for (const IoSlot* const next : group) {
    const IoSlot& transfer = *next;
    std::byte* from = transfer.buffer + transfer.moved;
    const auto address = reinterpret_cast<std::uintptr_t>(from);
    iovec* last = out.count > 0 ? &out.parts[out.count - 1] : nullptr;
    const bool next_to_last = last != nullptr && static_cast<std::byte*>(last->iov_base) + last->iov_len == from;
    // The page in which the last part ended has its slot already.
    const std::size_t paid = next_to_last && address % util::kPageSize != 0 ? 1 : 0;
    const std::size_t room = (slots + paid) * util::kPageSize;
    const std::size_t into_page = address % util::kPageSize;
    const std::size_t left = transfer.length - transfer.moved;
    if (room < into_page + (out.transfers > 0 ? left : 1)) break;
    const std::size_t bytes = std::min(left, room - into_page);
    slots -= pages_touched(address, bytes) - paid;
    if (next_to_last) {
      last->iov_len += bytes;
    } else {
      out.parts[out.count++] = {from, bytes};
    }
    ++out.transfers;
    if (transfer.moved + bytes < transfer.length) break;
  }
  return out;
}

CallResult WritePath::put(const Filling& filling) {
  const int into = ctx_.pipe.write_end();
  if (!vmsplice_) {
    const iovec& part = filling.parts[0];
    return ctx_.retry([&] { return ctx_.sys.write(into, part.iov_base, part.iov_len); });
  }
  const unsigned flags = ctx_.config.gift ? SPLICE_F_GIFT : 0U;
  return ctx_.retry([&] { return ctx_.sys.vmsplice(into, filling.parts.data(), filling.count, flags); });
}

// Empties the pipe into the target. How many transfers at the front of `group` have ended.
std::size_t WritePath::flush(std::span<IoSlot* const> group, std::size_t bytes) {
  const int from = ctx_.pipe.read_end();
  const int into = ctx_.config.fd;
  std::size_t ended = 0;
  bool stop = false;
  while (bytes > 0) {
    if (stop) {  // the bytes that are in the pipe are not wanted any more
      ctx_.pipe.reset();
      return ended;
    }
    IoSlot& transfer = *group[ended];
    const std::size_t want = std::min(bytes, transfer.length - transfer.moved);
    off64_t offset = static_cast<off64_t>(transfer.offset + transfer.moved);
    const CallResult got = ctx_.retry([&] { return ctx_.sys.splice(from, nullptr, into, &offset, want); });
    if (!got.ok() || got.value == 0) {
      if (got.ok()) {
        give_up(ctx_, transfer, Outcome::end_of_target, 0);
      } else {
        give_up_splice(ctx_, transfer, got, worked_);
      }
      charge_time(transfer);
      return ended + 1;
    }
    worked_ = true;
    const auto moved = static_cast<std::size_t>(got.value);
    if (moved < want) count_short(ctx_, transfer);
    transfer.moved += moved;
    bytes -= moved;
    if (transfer.moved < transfer.length) continue;
    transfer.outcome = Outcome::done;
    stop = should_stop_after(ctx_, charge_time(transfer)) && bytes > 0;
    ++ended;
  }
  return ended;
}

// The time since the last reading of the clock.
util::Nanos WritePath::charge_time(IoSlot& transfer) {
  const util::Nanos time = ctx_.watch.lap();
  transfer.spent += time;
  transfer.ended = ctx_.watch.last();
  return time;
}

}  // namespace spliced::engine
