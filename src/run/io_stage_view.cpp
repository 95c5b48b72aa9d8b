// SPDX-License-Identifier: Apache-2.0
// How a stage of I/O looks from outside: its numbers, rates and progress.
#include <algorithm>

#include "io_stage.h"

namespace spliced::run {

using util::Nanos;

MovedSoFar IoStage::moved() const {
  MovedSoFar out;
  for (const auto& worker : workers_) {
    const WorkerCounters& counters = worker->counters();
    out.visited += counters.visited_bytes();
    for (std::size_t i = 0; i < util::kOpClasses; ++i) {
      out.bytes[i] += counters.ops[i].bytes.get();
      out.operations[i] += counters.ops[i].operations.get();
    }
  }
  return out;
}

// Since it started, without pauses.
Nanos IoStage::active_time(Nanos now) const {
  const Nanos started = started_;
  return started == 0 ? 0 : now - started - (setup_.gate.closed_time(now) - paused_before_);
}

void IoStage::sample(Nanos now) {
  if (started_ != 0 && !setup_.gate.closed()) rates_.sample(started_ + active_time(now), moved());
}

void IoStage::add_to(DeviceTotals& out, Detail detail) const {
  const workload::WorkloadSpec& w = io_.workload;
  const std::array<bool, util::kOpClasses> asked{
      workload::reads(w.rw), workload::writes(w.rw), workload::is_trim(w.rw),
      w.fsync != 0 || w.fdatasync != 0 || w.sync_file_range != 0 || w.end_fsync};
  for (std::size_t i = 0; i < util::kOpClasses; ++i) out.asked_for[i] = out.asked_for[i] || asked[i];
  for (const auto& worker : workers_) {
    worker->counters().add_to(out, detail);
    out.engine.add(io_.engine.index(), worker->engine());
  }
}

Flying IoStage::flying() const {
  Flying out;
  for (const auto& worker : workers_) {
    const auto [count, since] = worker->engine().in_flight();
    out.count += count;
    if (since != 0) out.oldest = out.oldest == 0 ? since : std::min(out.oldest, since);
    out.last_completion = std::max(out.last_completion, worker->counters().last_completion());
  }
  return out;
}

EngineState IoStage::engine_state() const {
  EngineState out{io_.engine.index(), {}};
  for (const auto& worker : workers_) out.add(worker->engine());
  return out;
}

StageSnapshot IoStage::snapshot(Nanos now, State state, Detail detail) const {
  StageSnapshot out;
  out.name = setup_.spec.name;
  out.range = setup_.plan.range;
  out.state = started_ == 0 && !is_final(state) ? State::pending : state;
  DeviceTotals totals;
  add_to(totals, detail);
  fill_counts(totals, out);
  if (detail == Detail::all) {
    for (const auto& tuning : tunings_) {
      if (tuning) out.tuning.push_back(tuning->snapshot());
    }
    errors_.copy_to(out.errors, out.errors_omitted);
  }
  out.engine_state = engine_state();
  const Nanos passed = active_time(now);
  rates_.fill(out.ops, is_final(state), passed);
  if (setup_.gate.closed() && !is_final(state)) {
    for (OpSnapshot& op : out.ops) op.bytes_per_second = op.operations_per_second = 0;
  }
  fill_progress(passed, moved().visited, out);
  return out;
}

std::optional<double> IoStage::seconds_left(std::uint64_t visited, Nanos passed) const {
  if (visited == 0 || passed <= 0) return std::nullopt;
  const std::uint64_t all = source_.total_bytes();
  return static_cast<double>(all - std::min(visited, all)) / rates_.pace(per_second(visited, passed));
}

// Of what is to be done: the range, which `runtime` may cut off, or with time_based the time.
void IoStage::fill_progress(Nanos passed, std::uint64_t visited, StageSnapshot& out) const {
  const Nanos runtime = io_.workload.runtime;
  const bool succeeded = out.state == State::succeeded;
  std::optional<double> remaining;
  if (runtime > 0) remaining = std::max(0.0, static_cast<double>(runtime - passed) / 1e9);
  if (io_.workload.time_based) {
    out.progress = succeeded ? 1 : std::min(1.0, static_cast<double>(passed) / static_cast<double>(runtime));
  } else {
    const std::uint64_t all = source_.total_bytes();
    out.progress = all == 0 ? 0 : std::min(1.0, static_cast<double>(visited) / static_cast<double>(all));
    if (const auto left = seconds_left(visited, passed)) remaining = std::min(remaining.value_or(*left), *left);
  }
  if (succeeded) {
    out.eta_seconds = 0;
  } else if (!is_final(out.state)) {
    out.eta_seconds = remaining;
  }
}

}  // namespace spliced::run
