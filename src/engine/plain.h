// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "retry.h"
#include "spliced/engine/engine.h"
#include "spliced/engine/syscalls.h"
#include "stopwatch.h"

namespace spliced::engine {

// What an engine with one call at a time works with.
struct Caller {
  Syscalls& sys;
  const Retry& retry;
  Stopwatch& watch;
};

// Whether `next` is not to go on. One that has begun is finished when only the time is up.
[[nodiscard]] inline bool should_stop_before(const Retry& retry, const Stopwatch& watch, const IoSlot& next) {
  return retry.stopping() || (next.moved == 0 && watch.over());
}

// Whose doing an error of a call on the target is: no disk answers that there are no descriptors or no memory, or that
// the caller may not call (splice(2), seccomp(2)).
[[nodiscard]] inline Outcome outcome_of(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EFAULT:
    case EBADF: return Outcome::host_failed;
    default: return Outcome::failed;
  }
}

// Does a trim or a sync. false: it has not begun, because of a stop or the time.
[[nodiscard]] bool run_plain(const Caller& with, int fd, bool block_device, IoSlot& slot);

}  // namespace spliced::engine
