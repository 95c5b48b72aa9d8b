// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "pipe.h"
#include "retry.h"
#include "spliced/engine/engine.h"
#include "stopwatch.h"

namespace spliced::engine {

// What one direction works with. Target, counters and stopwatch are common to both; each has a pipe of its own, because
// what is the fastest size for one is not for the other.
struct Context {
  const SpliceConfig& config;
  Syscalls& sys;
  EngineCounters& counters;
  Pipe& pipe;
  const Retry& retry;
  Stopwatch& watch;
};

// Within a batch, whether to end is looked at after a call that took longer than this: often enough for a slow device,
// and on a fast one the batch is soon over.
inline constexpr util::Nanos kLongCall = util::kSecond / 10'000;

// Whether `next` is not to go on. One that has begun is finished when only the time is up.
[[nodiscard]] inline bool should_stop_before(const Context& ctx, const Transfer& next) {
  return ctx.retry.stopping() || (next.moved == 0 && ctx.watch.over());
}

[[nodiscard]] inline bool should_stop_after(const Context& ctx, util::Nanos call) {
  return call > kLongCall && (ctx.retry.stopping() || ctx.watch.over());
}

// Ends a transfer that did not succeed, and leaves an empty pipe behind.
inline void give_up(Context& ctx, Transfer& transfer, Outcome outcome, int error) {
  transfer.outcome = outcome;
  transfer.error = error;
  ctx.pipe.reset();
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

// `otherwise`: what became of it when it was not stopped.
inline void give_up(Context& ctx, Transfer& transfer, const CallResult& result, Outcome otherwise) {
  if (result.stopped && result.error == kNotBegun.error) {
    transfer.outcome = Outcome::stopped;
    return;
  }
  give_up(ctx, transfer, result.stopped ? Outcome::stopped : otherwise, result.stopped ? 0 : result.error);
}

// Between memory and pipe only the host can fail.
inline void give_up_memory(Context& ctx, Transfer& transfer, const CallResult& result) {
  give_up(ctx, transfer, result, Outcome::host_failed);
}

// A splice between target and pipe that failed. EINVAL before any splice of that direction went through means that the
// file system has no splice operation (splice(2)): alignment and O_APPEND, the other causes, are settled at plan time.
inline void give_up_splice(Context& ctx, Transfer& transfer, const CallResult& result, bool worked_before) {
  if (!result.stopped && result.error == EINVAL && !worked_before) {
    give_up(ctx, transfer, Outcome::splice_unsupported, EINVAL);
  } else {
    give_up(ctx, transfer, result, outcome_of(result.error));
  }
}

// A splice between target and pipe that moved less than was asked.
inline void count_short(Context& ctx, const Transfer& transfer) {
  ctx.counters.short_transfers[static_cast<std::size_t>(util::op_class(transfer.op))].add();
}

}  // namespace spliced::engine
