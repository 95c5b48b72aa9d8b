// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/plain.h"
#include "pipe.h"
#include "splice_engine.h"
#include "spliced/engine/engine.h"

namespace spliced::engine {

// What one direction works with. Target, counters and stopwatch are common to both; each has a pipe of its own, because
// what is the fastest size for one is not for the other.
struct Context {
  const SpliceConfig& config;
  Syscalls& sys;
  SpliceCounters& counters;
  Pipe& pipe;
  const Retry& retry;
  Stopwatch& watch;
};

// Within a batch, whether to end is looked at after a call that took longer than this: often enough for a slow device,
// and on a fast one the batch is soon over.
inline constexpr util::Nanos kLongCall = util::kSecond / 10'000;

[[nodiscard]] inline bool should_stop_before(const Context& ctx, const IoSlot& next) {
  return should_stop_before(ctx.retry, ctx.watch, next);
}

[[nodiscard]] inline bool should_stop_after(const Context& ctx, util::Nanos call) {
  return call > kLongCall && (ctx.retry.stopping() || ctx.watch.over());
}

// Ends a transfer that did not succeed, and leaves an empty pipe behind.
inline void give_up(Context& ctx, IoSlot& transfer, Outcome outcome, int error) {
  transfer.outcome = outcome;
  transfer.error = error;
  ctx.pipe.reset();
}

// No call was made for `next`, and none will be: it stays where it is.
[[nodiscard]] inline bool has_not_begun(const CallResult& result, const IoSlot& next) {
  return result.stopped && result.error == kNotBegun.error && next.moved == 0;
}

// `otherwise`: what became of it when it was not stopped.
inline void give_up(Context& ctx, IoSlot& transfer, const CallResult& result, Outcome otherwise) {
  if (result.stopped && result.error == kNotBegun.error) {  // between two calls: the pipe is empty
    transfer.outcome = Outcome::stopped;
    return;
  }
  give_up(ctx, transfer, result.stopped ? Outcome::stopped : otherwise, result.stopped ? 0 : result.error);
}

// Between memory and pipe only the host can fail.
inline void give_up_memory(Context& ctx, IoSlot& transfer, const CallResult& result) {
  give_up(ctx, transfer, result, Outcome::host_failed);
}

// A splice between target and pipe that failed. EINVAL before any splice of that direction went through means that the
// file system has no splice operation (splice(2)): alignment and O_APPEND, the other causes, are excluded at plan time.
inline void give_up_splice(Context& ctx, IoSlot& transfer, const CallResult& result, bool worked_before) {
  if (!result.stopped && result.error == EINVAL && !worked_before) {
    give_up(ctx, transfer, Outcome::unsupported, EINVAL);
  } else {
    give_up(ctx, transfer, result, outcome_of(result.error));
  }
}

// A splice between target and pipe that moved less than was asked.
inline void count_short(Context& ctx, const IoSlot& transfer) {
  ctx.counters.short_transfers[index_of(transfer.op == util::Op::read ? Direction::read : Direction::write)].add();
}

}  // namespace spliced::engine
