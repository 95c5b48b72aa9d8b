#include "write_path.h"

#include <fcntl.h>

#include <algorithm>

#include "fallback.h"

namespace spliced::engine {

void WritePath::run(Transfer& transfer) {
  std::size_t position = 0;
  while (position < transfer.length) {
    // Never more than the pipe has slots for: a blocking call on a full pipe would wait for ever.
    const std::size_t bytes = std::min(transfer.length - position, ctx_.pipe.room_for(transfer.buffer + position));
    if (!fill(transfer, position, bytes) || !flush(transfer, bytes)) return;
    position += bytes;
  }
  transfer.outcome = Outcome::done;
}

// Puts exactly `bytes` into the pipe, so that what goes on to the target keeps the alignment of the buffer.
bool WritePath::fill(Transfer& transfer, std::size_t position, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const CallResult put_in = put(transfer.buffer + position + done, bytes - done);
    if (put_in.ok() && put_in.value > 0) {
      done += static_cast<std::size_t>(put_in.value);
      continue;
    }
    const int error = put_in.ok() ? EIO : put_in.error;
    const auto event = vmsplice_ && !put_in.stopped ? write_fallback(error) : std::nullopt;
    if (!event) {
      give_up(ctx_, transfer, put_in.stopped ? Outcome::stopped : Outcome::failed, put_in.stopped ? 0 : error);
      return false;
    }
    vmsplice_ = false;
    count_fallback(ctx_.counters, *event, error);
  }
  return true;
}

CallResult WritePath::put(const std::byte* from, std::size_t bytes) {
  const int into = ctx_.pipe.write_end();
  if (!vmsplice_) return ctx_.retry([&] { return ctx_.sys.write(into, from, bytes); });
  const iovec iov{const_cast<std::byte*>(from), bytes};
  return ctx_.retry([&] { return ctx_.sys.vmsplice(into, &iov, 1, ctx_.config.gift ? SPLICE_F_GIFT : 0U); });
}

bool WritePath::flush(Transfer& transfer, std::size_t bytes) {
  while (bytes > 0) {
    off64_t offset = static_cast<off64_t>(transfer.offset + transfer.moved);
    const CallResult got = ctx_.retry(
        [&] { return ctx_.sys.splice(ctx_.pipe.read_end(), nullptr, ctx_.config.fd, &offset, bytes); });
    if (!got.ok()) {
      give_up_splice(ctx_, transfer, got, worked_);
      return false;
    }
    if (got.value == 0) {
      give_up(ctx_, transfer, Outcome::end_of_target, 0);
      return false;
    }
    worked_ = true;
    count_short(ctx_, transfer, got.value, bytes);
    transfer.moved += static_cast<std::size_t>(got.value);
    bytes -= static_cast<std::size_t>(got.value);
  }
  return true;
}

}  // namespace spliced::engine
