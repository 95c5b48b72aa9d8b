// SPDX-License-Identifier: Apache-2.0
#include "stage.h"

#include <algorithm>
#include <stdexcept>

#include "io_stage.h"
#include "reread_stage.h"
#include "wait_stage.h"

namespace spliced::run {

namespace {

struct Make {
  const Stage::Setup& setup;
  std::unique_ptr<Stage> operator()(const StreamsSpec& what) const { return std::make_unique<IoStage>(setup, what); }
  std::unique_ptr<Stage> operator()(const RereadSpec& what) const { return std::make_unique<RereadStage>(setup, what); }
  std::unique_ptr<Stage> operator()(const WaitSpec& what) const {
    return std::make_unique<WaitStage>(setup, what.time);
  }
  std::unique_ptr<Stage> operator()(const VerifySpec& what) const {
    return std::make_unique<IoStage>(setup, what.io, what.of);
  }
  // A device goes through leaves.
  std::unique_ptr<Stage> operator()(const RepeatSpec&) const { throw std::logic_error("a repeat is no stage to run"); }
};

}  // namespace

std::unique_ptr<Stage> make_stage(const Stage::Setup& setup) {
  return std::visit(Make{setup}, setup.spec.what);
}

void Flying::merge(const Flying& other) {
  count += other.count;
  if (other.oldest != 0) oldest = oldest == 0 ? other.oldest : std::min(oldest, other.oldest);
  last_completion = std::max(last_completion, other.last_completion);
}

void fill_counts(const DeviceTotals& totals, StageSnapshot& out) {
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    const OpTotals& counted = totals.ops[i];
    OpSnapshot& op = out.ops[i];
    op.bytes = counted.bytes;
    op.operations = counted.operations;
    op.across_pause = counted.across_pause;
    op.across_flush = counted.across_flush;
    op.errors = counted.error_count();
    op.latency = summarize(counted.latency);
    out.host_errors += counted.errors[static_cast<std::size_t>(ErrorClass::host)];
  }
  static_cast<VerifyTotals&>(out.verify) = totals.verify;
  out.engine = totals.engine;
  out.asked_for = totals.asked_for;
  if (totals.cpu_wait_known) out.cpu_wait_seconds = static_cast<double>(totals.cpu_wait) / 1e9;
}

}  // namespace spliced::run
