#pragma once
#include <atomic>

#include "spliced/job/totals.h"
#include "spliced/util/clock.h"
#include "spliced/util/tally.h"

namespace spliced::job {

// Counters of one worker, on its own cache lines. Written by that worker, read by whoever asks.
struct alignas(64) LiveOp {
  util::Tally bytes;
  util::Tally operations;
  std::array<util::Tally, kErrorClasses> errors;
  workload::LiveHistogram latency;
};

struct alignas(64) WorkerCounters {
  std::array<LiveOp, util::kOpClasses> ops;
  alignas(64) std::atomic<util::Nanos> last_completion{0};
  util::Tally visited_bytes;  // of blocks that were tried, with or without success: the measure of progress

  void add_to(DeviceTotals& out) const {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      out.ops[i].bytes += ops[i].bytes.get();
      out.ops[i].operations += ops[i].operations.get();
      for (std::size_t e = 0; e < kErrorClasses; ++e) out.ops[i].errors[e] += ops[i].errors[e].get();
      ops[i].latency.add_to(out.ops[i].latency);
    }
  }
};

}  // namespace spliced::job
