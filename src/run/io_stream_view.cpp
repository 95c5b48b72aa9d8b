// SPDX-License-Identifier: Apache-2.0
// How a stream looks from outside: its numbers, rates and progress.
#include <algorithm>

#include "io_stream.h"

namespace spliced::run {

using util::Nanos;

MovedSoFar IoStream::moved() const {
  MovedSoFar out;
  out.visited = before_.visited;
  for (const auto& worker : workers_) {
    const WorkerCounters& counters = worker->counters();
    out.visited += worker->visited_bytes();
    for (std::size_t i = 0; i < util::kOpClasses; ++i) {
      out.bytes[i] += counters.ops[i].bytes.get();
      out.operations[i] += counters.ops[i].operations.get();
    }
  }
  return out;
}

bool IoStream::drained() const {
  return !io_.workload.time_based && moved().visited >= source_.total_bytes();
}

Nanos IoStream::active_time(Nanos now) const {
  const Nanos started = started_, took = took_;
  if (started == 0 || took != 0) return took;
  return times_.passed + now - started - (setup_.gate.closed_time(now) - paused_before_);
}

void IoStream::sample(Nanos now) {
  if (started_ != 0 && !setup_.gate.closed()) rates_.sample(started_ + active_time(now) - times_.passed, moved());
}

void IoStream::add_to(DeviceTotals& out, Detail detail) const {
  const workload::WorkloadSpec& w = io_.workload;
  const std::array<bool, util::kOpClasses> asked{
      workload::reads(w), workload::writes(w.rw), workload::is_trim(w.rw),
      w.fsync != 0 || w.fdatasync != 0 || w.sync_file_range != 0 || w.end_fsync};
  for (std::size_t i = 0; i < util::kOpClasses; ++i) out.asked_for[i] = out.asked_for[i] || asked[i];
  for (const auto& worker : workers_) {
    worker->counters().add_to(out, detail);
    if (const WorkerCounters* ramp = worker->ramp()) ramp->add_errors_to(out);
    out.engine.add(io_.engine.index(), worker->engine());
    if (const LiveVerify* verified = worker->verified()) verified->add_to(out.verify);
  }
  out.verify.asked_for = out.verify.asked_for || checks_reads(io_);
  out.verify.unmarked = out.verify.unmarked || checks_unmarked_;
}

StreamPoint IoStream::point() const {
  StreamPoint out = before_;
  add_to(out.totals, Detail::all);
  out.visited = moved().visited;
  for (const auto& worker : workers_) {
    if (const LiveVerify* verified = worker->verified()) verified->passes.add_to(out.passes);
  }
  return out;
}

void IoStream::add_ramp_to(DeviceTotals& out) const {
  for (const auto& worker : workers_) {
    if (const WorkerCounters* ramp = worker->ramp()) ramp->add_moved_to(out, Detail::all);
  }
}

Flying IoStream::flying() const {
  Flying out;
  for (const auto& worker : workers_) {
    const auto [count, since] = worker->engine().in_flight();
    out.merge({count, since, worker->last_completion()});
  }
  return out;
}

EngineState IoStream::engine_state() const {
  EngineState out{io_.engine.index(), {}};
  for (const auto& worker : workers_) out.add(worker->engine());
  return out;
}

// Of a stage that goes on, those that are done are done.
State IoStream::state_in(State stage) const {
  if (started_ == 0 && !is_final(stage)) return State::pending;
  if (stage == State::succeeded || took_ == 0 || !completed()) return stage;
  return State::succeeded;
}

StageSnapshot IoStream::snapshot(Nanos now, State state, Detail detail) const {
  StageSnapshot out;
  out.name = spec_.name;
  out.range = plan_.range;
  out.state = state_in(state);
  DeviceTotals totals = before_.totals;
  add_to(totals, detail);
  fill_counts(totals, out);
  if (detail == Detail::all) {
    for (const auto& tuning : tunings_) {
      if (tuning) out.tuning.push_back(tuning->snapshot());
    }
    add_to(out.verify);
  }
  out.engine_state = engine_state();
  const Nanos passed = active_time(now);
  out.ramping = started_ != 0 && passed < times_.measured_from && !is_final(out.state);
  rates_.fill(out.ops, is_final(out.state), std::max<Nanos>(0, passed - times_.measured_from));
  if (setup_.gate.closed() && !is_final(out.state)) {
    for (OpSnapshot& op : out.ops) op.bytes_per_second = op.operations_per_second = 0;
  }
  fill_progress(passed, out);
  return out;
}

std::optional<double> IoStream::seconds_left(std::uint64_t visited, Nanos passed) const {
  if (visited == 0 || passed <= 0) return std::nullopt;
  const std::uint64_t all = source_.total_bytes();
  return static_cast<double>(all - std::min(visited, all)) / rates_.pace(per_second(visited, passed));
}

// Of what is to be done: the range, which the runtime may cut off, or with time_based the time.
void IoStream::fill_progress(Nanos passed, StageSnapshot& out) const {
  const std::uint64_t visited = moved().visited;
  const bool succeeded = out.state == State::succeeded;
  std::optional<double> remaining;
  if (times_.ends > 0) remaining = std::max(0.0, static_cast<double>(times_.ends - passed) / 1e9);
  if (io_.workload.time_based) {
    const Nanos measured = std::max<Nanos>(0, passed - times_.measured_from);
    const auto all = static_cast<double>(std::max<Nanos>(1, times_.ends - times_.measured_from));
    out.progress = std::min(1.0, static_cast<double>(measured) / all);
  } else {
    const std::uint64_t all = source_.total_bytes();
    out.progress = all == 0 ? 0 : std::min(1.0, static_cast<double>(visited) / static_cast<double>(all));
    if (const auto left = seconds_left(visited, passed - times_.begins)) {
      remaining = std::min(remaining.value_or(*left), *left);
    }
  }
  if (succeeded && io_.workload.time_based) out.progress = 1;
  if (succeeded) {
    out.eta_seconds = 0;
  } else if (!is_final(out.state)) {
    out.eta_seconds = remaining;
  }
}

}  // namespace spliced::run
