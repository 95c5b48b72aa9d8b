// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <atomic>

#include "spliced/run/snapshot.h"
#include "spliced/util/clock.h"
#include "spliced/util/tally.h"

namespace spliced::run {

// Counters of one worker, on its own cache lines. Written by that worker, read by whoever asks. What a completed
// operation changes comes first, so that it is one line and that of its bucket in the histogram.
struct alignas(64) LiveOp {
  util::Tally bytes;
  util::Tally operations;
  std::atomic<util::Nanos> last_completion{0};
  workload::LiveHistogram latency;
  util::Tally unmoved_bytes;  // of operations that failed
  util::Tally across_pause;   // operations that are not in `latency`,
  util::Tally across_flush;   // and others
  std::array<util::Tally, kErrorClasses> errors;

  void complete(std::uint64_t moved, util::Nanos took, util::Nanos ended) {
    bytes.add(moved);
    operations.add();
    last_completion.store(ended, std::memory_order_relaxed);
    latency.record(took);
  }
  // It took as long as it did because the daemon did not run, or had the device do something else: that is no latency.
  void complete_across(util::Tally& what, std::uint64_t moved, util::Nanos ended) {
    bytes.add(moved);
    operations.add();
    what.add();
    last_completion.store(ended, std::memory_order_relaxed);
  }
  void fail(std::uint64_t moved, std::uint64_t length, ErrorClass error) {
    bytes.add(moved);
    unmoved_bytes.add(length - moved);
    errors[static_cast<std::size_t>(error)].add();
  }
};

struct WorkerCounters {
  std::array<LiveOp, util::kOpClasses> ops;
  util::Tally cpu_wait;  // nanoseconds in which the worker was ready to run and had no CPU
  std::atomic<bool> cpu_wait_known{false};

  // Of blocks that were tried, with or without success: the measure of progress.
  [[nodiscard]] std::uint64_t visited_bytes() const {
    std::uint64_t out = 0;
    for (const LiveOp& op : ops) out += op.bytes.get() + op.unmoved_bytes.get();
    return out;
  }
  // When an operation last completed; 0: none did.
  [[nodiscard]] util::Nanos last_completion() const {
    util::Nanos out = 0;
    for (const LiveOp& op : ops) out = std::max(out, op.last_completion.load(std::memory_order_relaxed));
    return out;
  }
  void add_to(DeviceTotals& out, Detail detail = Detail::all) const {
    add_moved_to(out, detail);
    add_errors_to(out);
  }
  // All but the errors.
  void add_moved_to(DeviceTotals& out, Detail detail) const {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      out.ops[i].bytes += ops[i].bytes.get();
      out.ops[i].operations += ops[i].operations.get();
      out.ops[i].across_pause += ops[i].across_pause.get();
      out.ops[i].across_flush += ops[i].across_flush.get();
      if (detail == Detail::all) ops[i].latency.add_to(out.ops[i].latency);
    }
    out.cpu_wait += cpu_wait.get();
    out.cpu_wait_known = out.cpu_wait_known || cpu_wait_known.load(std::memory_order_relaxed);
  }
  void add_errors_to(DeviceTotals& out) const {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      for (std::size_t e = 0; e < kErrorClasses; ++e) out.ops[i].errors[e] += ops[i].errors[e].get();
    }
  }
};

}  // namespace spliced::run
