#include "write_path.h"

#include <fcntl.h>

#include <algorithm>

#include "fallback.h"
#include "spliced/util/page_buffer.h"

namespace spliced::engine {

void WritePath::run(Transfer& transfer) {
  std::size_t position = 0;
  while (position < transfer.length) {
    const std::size_t bytes = fill(transfer, position);
    if (bytes == 0 || !flush(transfer, bytes)) return;
    position += bytes;
  }
  transfer.outcome = Outcome::done;
}

// Fills the empty pipe with what comes at `position`, as far as it has slots: a blocking call on a full pipe would wait
// for ever, and each piece takes a slot for every page it touches, even one that another piece touched before.
// How many bytes are in the pipe now; 0 when the transfer has been given up.
std::size_t WritePath::fill(Transfer& transfer, std::size_t position) {
  std::size_t slots = ctx_.pipe.slots();
  std::size_t done = 0;
  while (slots > 0 && position + done < transfer.length) {
    const std::byte* from = transfer.buffer + position + done;
    const std::size_t into_page = reinterpret_cast<std::uintptr_t>(from) % util::kPageSize;
    const std::size_t bytes = std::min(transfer.length - position - done, slots * util::kPageSize - into_page);
    const CallResult put_in = put(from, bytes);
    if (put_in.ok() && put_in.value > 0) {
      done += static_cast<std::size_t>(put_in.value);
      slots -=
          std::min(slots, (into_page + static_cast<std::size_t>(put_in.value) + util::kPageSize - 1) / util::kPageSize);
      continue;
    }
    const int error = put_in.ok() ? EIO : put_in.error;
    const auto event = vmsplice_ && !put_in.stopped ? write_fallback(error) : std::nullopt;
    if (!event) {
      give_up(ctx_, transfer, put_in.stopped ? Outcome::stopped : Outcome::failed, put_in.stopped ? 0 : error);
      return 0;
    }
    vmsplice_ = false;
    count_fallback(ctx_.counters, *event, error);
  }
  return done;
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
    const CallResult got =
        ctx_.retry([&] { return ctx_.sys.splice(ctx_.pipe.read_end(), nullptr, ctx_.config.fd, &offset, bytes); });
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
