#include "read_path.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "fallback.h"

namespace spliced::engine {

ReadPaths::ReadPaths(Context ctx) : ctx_(ctx) {
  ctx_.counters.read_path.store(ctx_.config.read_path, std::memory_order_relaxed);
  if (ctx_.config.read_path == ReadPath::discard) sink_.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
}

void ReadPaths::release(Transfer* previous) {
  if (mapping_ == nullptr) return;
  if (previous != nullptr && previous->data == mapping_) {
    std::memcpy(previous->buffer, mapping_, previous->moved);
    previous->data = previous->buffer;
  }
  ctx_.sys.unmap(mapping_, mapped_);
  mapping_ = nullptr;
}

bool ReadPaths::prepare(Transfer& transfer) {
  if (path() != ReadPath::map) return true;
  void* memory = ctx_.sys.map_read_only(transfer.length);
  if (memory == MAP_FAILED) {
    give_up(ctx_, transfer, Outcome::failed, errno);
    return false;
  }
  mapping_ = static_cast<std::byte*>(memory);
  mapped_ = transfer.length;
  return true;
}

void ReadPaths::run(Transfer& transfer) {
  if (!prepare(transfer)) return;
  std::size_t position = 0;
  while (position < transfer.length) {
    const std::size_t want = std::min(transfer.length - position, ctx_.pipe.capacity());
    off64_t offset = static_cast<off64_t>(transfer.offset + position);
    const CallResult got =
        ctx_.retry([&] { return ctx_.sys.splice(ctx_.config.fd, &offset, ctx_.pipe.write_end(), nullptr, want); });
    if (!got.ok()) return give_up_splice(ctx_, transfer, got, worked_);
    if (got.value == 0) break;
    worked_ = true;
    count_short(ctx_, transfer, got.value, want);
    const auto bytes = static_cast<std::size_t>(got.value);
    transfer.moved += bytes;
    if (!drain(transfer, position, bytes)) return;
    position += bytes;
  }
  transfer.outcome = position == transfer.length ? Outcome::done : Outcome::end_of_target;
  transfer.data = path() == ReadPath::map ? mapping_ : path() == ReadPath::discard ? nullptr : transfer.buffer;
}

// Takes exactly `bytes` out of the pipe. A downgrade in the middle goes on with the bytes that are still there.
bool ReadPaths::drain(Transfer& transfer, std::size_t position, std::size_t bytes) {
  const std::size_t end = position + bytes;
  while (position < end) {
    const CallResult got = take(transfer, position, end - position);
    if (got.ok() && got.value > 0) {
      position += static_cast<std::size_t>(got.value);
      continue;
    }
    const int error = got.ok() ? EIO : got.error;  // nothing, out of a pipe that is known to hold bytes
    if (!got.stopped && downgrade(transfer, position, error)) continue;
    if (!got.stopped && ctx_.config.pinned && is_refusal(path(), error)) {
      give_up(ctx_, transfer, Outcome::path_refused, error);
    } else {
      give_up(ctx_, transfer, got.stopped ? Outcome::stopped : Outcome::failed, got.stopped ? 0 : error);
    }
    return false;
  }
  return true;
}

CallResult ReadPaths::take(const Transfer& transfer, std::size_t position, std::size_t bytes) {
  const int from = ctx_.pipe.read_end();
  switch (path()) {
    case ReadPath::map:
    case ReadPath::copy: {
      std::byte* base = path() == ReadPath::map ? mapping_ : transfer.buffer;
      const iovec iov{base + position, bytes};
      return ctx_.retry([&] { return ctx_.sys.vmsplice(from, &iov, 1, 0); });
    }
    case ReadPath::read: return ctx_.retry([&] { return ctx_.sys.read(from, transfer.buffer + position, bytes); });
    case ReadPath::discard: break;
  }
  return ctx_.retry([&] { return ctx_.sys.splice(from, nullptr, sink_.get(), nullptr, bytes); });
}

bool ReadPaths::downgrade(const Transfer& transfer, std::size_t position, int error) {
  const auto event = read_fallback(path(), error);
  if (!event || ctx_.config.pinned) return false;
  if (*event == Fallback::map_to_copy) {
    std::memcpy(transfer.buffer, mapping_, position);
    release();
  }
  count_fallback(ctx_.counters, *event, error);
  ctx_.counters.read_path.store(*event == Fallback::map_to_copy ? ReadPath::copy : ReadPath::read,
                                std::memory_order_relaxed);
  return true;
}

}  // namespace spliced::engine
