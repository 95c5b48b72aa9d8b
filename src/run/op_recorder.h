// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "flush_watch.h"
#include "live_counters.h"
#include "pause_watch.h"
#include "spliced/engine/engine.h"
#include "stage_bands.h"
#include "verifier.h"

namespace spliced::run {

// What a worker tells its device. Called from the worker's thread, off the hot path.
class WorkerOwner : public DamageOwner {
 public:
  // An operation failed. The owner decides whether the device has had enough.
  virtual void on_error(const engine::IoSlot& slot, ErrorClass error_class) = 0;
  // What the job asks for is not to be had on this host: the worker does nothing.
  virtual void on_refusal(const std::string& what) = 0;
  virtual void on_exit() = 0;
  // On the worker's thread, before its first operation: whether it may go on. `since` is set while a device is waited
  // for.
  [[nodiscard]] virtual bool before_io(std::atomic<util::Nanos>& since, const std::stop_token& stop) = 0;
  // A write or trim has failed, or was given up on its way: what its place holds now, nobody knows.
  virtual void on_doubt(const engine::IoSlot& slot) = 0;
};

// What an operation that did not succeed is counted as. Looks at the device where its size, or whether it may still be
// written, matters.
[[nodiscard]] ErrorClass classify_failure(const engine::IoSlot& slot, int fd);

// Counts what operations came to, and tells the owner of those that failed. Belongs to the worker's thread.
class OpRecorder {
 public:
  // All of them outlive it.
  OpRecorder(WorkerCounters& counters, const PauseWatch& pauses, const FlushWatch& flushes, int fd, WorkerOwner& owner)
      : counters_(&counters), pauses_(pauses), flushes_(flushes), fd_(fd), owner_(owner) {}
  // From now on.
  void count_into(WorkerCounters& counters) { counters_ = &counters; }
  void count_into(const BandsByOp& bands);
  // What it kept is given to the bands. After the last operation.
  void flush_bands();

  // `paced`: latency counts from when it was due, if it was.
  void record(const engine::IoSlot& slot, bool paced) {
    LiveOp& op = counters_->ops[static_cast<std::size_t>(util::op_class(slot.op))];
    if (slot.outcome != engine::Outcome::done) [[unlikely]]
      return record_failure(slot, op);
    const util::Nanos took = paced && slot.due != 0 ? slot.ended - slot.due : slot.spent;
    if (pauses_.long_enough(took) && pauses_.spans(slot.ended - took, slot.ended)) [[unlikely]]
      return op.complete_across(op.across_pause, slot.moved, slot.ended);
    if (flushes_.may_span(slot.ended - took) && flushes_.spans(slot.ended - took, slot.ended)) [[unlikely]]
      return op.complete_across(op.across_flush, slot.moved, slot.ended);
    op.complete(slot.moved, took, slot.ended);
    tallies_[static_cast<std::size_t>(util::op_class(slot.op))].add(slot.offset, slot.moved, slot.spent, slot.round);
  }

 private:
  void record_failure(const engine::IoSlot& slot, LiveOp& op);

  WorkerCounters* counters_;
  const PauseWatch& pauses_;
  const FlushWatch& flushes_;
  std::array<figures::BandTally, util::kOpClasses> tallies_;
  const int fd_;
  WorkerOwner& owner_;
};

}  // namespace spliced::run
