// SPDX-License-Identifier: Apache-2.0
#include "plain.h"

namespace spliced::engine {
namespace {

using util::Op;

int call(Syscalls& sys, int fd, bool block_device, const IoSlot& slot) {
  switch (slot.op) {
    case Op::trim:
      return block_device ? sys.discard(fd, slot.offset, slot.length) : sys.punch_hole(fd, slot.offset, slot.length);
    case Op::fdatasync: return sys.fdatasync(fd);
    case Op::sync_file_range: return sys.sync_file_range(fd, slot.offset, slot.length);
    default: return sys.fsync(fd);
  }
}

}  // namespace

bool run_plain(const Caller& with, int fd, bool block_device, IoSlot& slot) {
  if (should_stop_before(with.retry, with.watch, slot)) return false;
  const CallResult result = with.retry([&] { return call(with.sys, fd, block_device, slot); });
  slot.outcome = result.ok() ? Outcome::done : result.stopped ? Outcome::stopped : outcome_of(result.error);
  slot.error = result.ok() || result.stopped ? 0 : result.error;
  if (result.ok() && slot.op == Op::trim) slot.moved = slot.length;
  slot.spent = with.watch.lap();
  slot.ended = with.watch.last();
  return true;
}

}  // namespace spliced::engine
