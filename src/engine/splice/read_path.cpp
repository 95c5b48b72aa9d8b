// SPDX-License-Identifier: Apache-2.0
#include "read_path.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "fallback.h"
#include "slots.h"

namespace spliced::engine {

ReadPaths::ReadPaths(const Context& ctx) : ctx_(ctx) {
  ctx_.counters.read_path.store(ctx_.config.read_path, std::memory_order_relaxed);
}

void ReadPaths::release(IoSlot* previous) {
  if (mapping_ == nullptr) return;
  if (previous != nullptr && previous->data == mapping_) {
    std::byte* buffer = buffer_of(*previous);
    if (buffer != nullptr) std::memcpy(buffer, mapping_, previous->moved);
    previous->data = buffer;
  }
  ctx_.sys.unmap(mapping_, mapped_);
  mapping_ = nullptr;
}

bool ReadPaths::prepare(IoSlot& transfer) {
  if (path() != ReadPath::map) return true;
  void* memory = ctx_.sys.map_read_only(transfer.length);
  if (memory == MAP_FAILED) {
    give_up(ctx_, transfer, Outcome::host_failed, errno);
    return false;
  }
  mapping_ = static_cast<std::byte*>(memory);
  mapped_ = transfer.length;
  return true;
}

// Round by round: as much as the pipe holds goes in, and out again. The transfers that ended leave at the front.
std::size_t ReadPaths::run(std::span<IoSlot* const> group) {
  const bool alone = group.size() == 1;
  if (!prepare(*group.front())) {
    charge_time(group.first(1), alone);
    return 1;
  }
  std::size_t ended = 0;
  do {
    const std::span<IoSlot* const> rest = group.subspan(ended);
    const CallResult last = fill(rest, alone);
    const std::size_t drained = drain();
    const std::size_t more = assign_outcomes(rest, last, drained);
    if (!alone || more > 0) charge_time(rest.first(more), alone);
    ended += more;
    if (ended < group.size() && has_not_begun(last, *group[ended])) break;
  } while (ended < group.size() && (ended == 0 || group[ended - 1]->outcome == Outcome::done));
  return ended;
}

// Fills the empty pipe from the transfers at the front of `group`. What ended the filling: an error, or 0 for the end
// of the target, is that of the transfer behind those that have a piece; otherwise there is no more room, or no more to
// do.
CallResult ReadPaths::fill(std::span<IoSlot* const> group, bool alone) {
  count_ = 0;
  if (should_stop_before(ctx_, *group.front())) return kNotBegun;
  if (const int error = ctx_.pipe.ensure_open(); error != 0) return {-1, error, false};
  const int from = ctx_.config.fd;
  const int into = ctx_.pipe.write_end();
  std::size_t slots = ctx_.pipe.slots();
  CallResult got;
  bool stop = false;
  for (IoSlot* const next : group) {
    IoSlot& transfer = *next;
    if (stop) return kNotBegun;
    std::size_t want = transfer.length - transfer.moved;
    off64_t offset = static_cast<off64_t>(transfer.offset + transfer.moved);
    const std::size_t need = pages_touched(static_cast<std::uint64_t>(offset), want);
    // A call on a pipe without a free slot would wait for ever.
    if (count_ > 0 && need > slots) break;
    if (count_ == 0) want = std::min(want, ctx_.pipe.capacity());
    got = ctx_.retry([&] { return ctx_.sys.splice(from, &offset, into, nullptr, want); });
    const util::Nanos time = alone ? 0 : ctx_.watch.lap();
    transfer.spent += time;
    if (!got.ok() || got.value == 0) break;
    const auto bytes = static_cast<std::size_t>(got.value);
    pieces_[count_++] = {&transfer, transfer.moved, bytes};
    transfer.moved += bytes;
    if (bytes < want) count_short(ctx_, transfer);
    if (transfer.moved < transfer.length) break;  // the pipe may be full
    slots -= std::min(slots, need);
    stop = should_stop_after(ctx_, time);
  }
  if (count_ > 0) worked_ = true;
  return got;
}

// Takes exactly what went in out of the pipe. How many pieces are out; when not all, the transfer of the next one has
// been given up. A downgrade in the middle goes on with the bytes that are still there.
std::size_t ReadPaths::drain() {
  std::size_t piece = 0;
  std::size_t done = 0;
  while (piece < count_) {
    const CallResult got = move_out(piece, done);
    if (got.ok() && got.value > 0) {
      done += static_cast<std::size_t>(got.value);
      while (piece < count_ && done >= pieces_[piece].bytes) done -= pieces_[piece++].bytes;
      continue;
    }
    const int error = got.ok() ? EIO : got.error;  // nothing, out of a pipe that is known to hold bytes
    IoSlot& transfer = *pieces_[piece].transfer;
    if (!got.stopped && downgrade(transfer, pieces_[piece].position + done, error)) continue;
    if (!got.stopped && ctx_.config.pinned && is_refusal(path(), error)) {
      give_up(ctx_, transfer, Outcome::path_refused, error);
    } else {
      // A page that the device could not fill shows only here (vmsplice(2) and read(2) of a page cache's page).
      const bool of_target = error == EIO || error == ENODATA;
      const Outcome failed = of_target ? Outcome::failed : Outcome::host_failed;
      give_up(ctx_, transfer, got.stopped ? Outcome::stopped : failed, got.stopped ? 0 : error);
    }
    break;
  }
  return piece;
}

// From `done` bytes into `piece` on.
CallResult ReadPaths::move_out(std::size_t piece, std::size_t done) {
  const Piece& first = pieces_[piece];
  const std::size_t position = first.position + done;
  const std::size_t left = first.bytes - done;
  const int from = ctx_.pipe.read_end();
  switch (path()) {
    case ReadPath::map: {
      const iovec into{mapping_ + position, left};
      return ctx_.retry([&] { return ctx_.sys.vmsplice(from, &into, 1, 0); });
    }
    case ReadPath::copy: {
      const iovec into = place(*first.transfer, position, left);
      if (piece + 1 < count_ || into.iov_len < left) return move_out_together(piece, done);
      return ctx_.retry([&] { return ctx_.sys.vmsplice(from, &into, 1, 0); });
    }
    case ReadPath::read: {
      const iovec into = place(*first.transfer, position, left);
      return ctx_.retry([&] { return ctx_.sys.read(from, into.iov_base, into.iov_len); });
    }
    case ReadPath::discard: break;
  }
  if (!sink_) sink_.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  std::size_t bytes = 0;
  for (std::size_t i = piece; i < count_; ++i) bytes += pieces_[i].bytes;
  return ctx_.retry([&] { return ctx_.sys.splice(from, nullptr, sink_.get(), nullptr, bytes - done); });
}

// Where bytes from `position` on go, and how many of them until the window begins anew.
iovec ReadPaths::place(const IoSlot& transfer, std::size_t position, std::size_t bytes) const {
  if (std::byte* buffer = buffer_of(transfer)) return {buffer + position, bytes};
  const std::size_t window = ctx_.config.read_window;
  const std::size_t at = position < window ? position : position % window;
  return {transfer.buffer + at, std::min(bytes, window - at)};
}

// All pieces in one call, as far as it takes so many parts; neighbours in memory are one.
CallResult ReadPaths::move_out_together(std::size_t piece, std::size_t done) {
  std::array<iovec, kMaxBatch> parts;
  std::size_t count = 0;
  std::size_t left = 0;  // of the piece: no other may follow before it
  for (; piece < count_ && left == 0; ++piece, done = 0) {
    const Piece& from = pieces_[piece];
    const iovec into = place(*from.transfer, from.position + done, from.bytes - done);
    iovec* previous = count > 0 ? &parts[count - 1] : nullptr;
    if (previous != nullptr && static_cast<std::byte*>(previous->iov_base) + previous->iov_len == into.iov_base) {
      previous->iov_len += into.iov_len;
    } else if (count < parts.size()) {
      parts[count++] = into;
    } else {
      break;
    }
    left = from.bytes - done - into.iov_len;
    for (; left > 0 && count < parts.size(); left -= parts[count++].iov_len) {
      parts[count] = {from.transfer->buffer, std::min(left, ctx_.config.read_window)};
    }
  }
  return ctx_.retry([&] { return ctx_.sys.vmsplice(ctx_.pipe.read_end(), parts.data(), count, 0); });
}

bool ReadPaths::downgrade(const IoSlot& transfer, std::size_t position, int error) {
  const auto event = read_fallback(path(), error);
  if (!event || ctx_.config.pinned) return false;
  if (*event == Fallback::map_to_copy) {
    if (std::byte* buffer = buffer_of(transfer)) std::memcpy(buffer, mapping_, position);
    release();
  }
  count_fallback(ctx_.counters, *event, error);
  ctx_.counters.read_path.store(*event == Fallback::map_to_copy ? ReadPath::copy : ReadPath::read,
                                std::memory_order_relaxed);
  return true;
}

// Tells which transfers at the front of `group` have ended, and how. How many there are.
std::size_t ReadPaths::assign_outcomes(std::span<IoSlot* const> group, const CallResult& last, std::size_t drained) {
  std::size_t ended = 0;
  while (ended < drained && group[ended]->moved == group[ended]->length) finish(*group[ended++], Outcome::done);
  if (drained < count_) {
    // What lay behind it in the pipe went with the pipe, and is read again.
    for (std::size_t i = drained + 1; i < count_; ++i) pieces_[i].transfer->moved = pieces_[i].position;
    return ended + 1;
  }
  if (!last.ok()) {
    if (has_not_begun(last, *group[ended])) return ended;
    give_up_splice(ctx_, *group[ended++], last, worked_);
  } else if (last.value == 0) {
    finish(*group[ended++], Outcome::end_of_target);
  }
  return ended;
}

void ReadPaths::finish(IoSlot& transfer, Outcome outcome) {
  transfer.outcome = outcome;
  transfer.data = path() == ReadPath::map ? mapping_ : path() == ReadPath::discard ? nullptr : buffer_of(transfer);
}

// The time since the last reading belongs to all that were in the pipe; with none there, to the one that failed.
void ReadPaths::charge_time(std::span<IoSlot* const> ended, bool alone) {
  if (count_ == 0 && ended.empty()) return;  // none has begun
  const util::Nanos time = ctx_.watch.lap();
  if (alone || count_ == 0) {
    ended.front()->spent += time;
  } else {
    const util::Nanos share = time / static_cast<util::Nanos>(count_);
    for (std::size_t i = 0; i < count_; ++i) pieces_[i].transfer->spent += share;
    pieces_[0].transfer->spent += time - share * static_cast<util::Nanos>(count_);
  }
  for (IoSlot* const transfer : ended) transfer->ended = ctx_.watch.last();
}

}  // namespace spliced::engine
