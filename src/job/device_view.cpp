// SPDX-License-Identifier: Apache-2.0
// How a device under a job looks from outside: its numbers, rates and progress.
#include <algorithm>
#include <cmath>

#include "device_run.h"
#include "verdict.h"

namespace spliced::job {

using util::Nanos;

namespace {

double per_second(std::uint64_t amount, Nanos time) {
  return time > 0 ? static_cast<double>(amount) * 1e9 / static_cast<double>(time) : 0;
}

// Smooth as long as it is steady; another than a fifth more or less is a step, and counts at once.
double follow(double smooth, double recent) {
  const double change = recent - smooth;
  return smooth == 0 || std::abs(change) > smooth / 5 ? recent : smooth + change / 8;
}

std::uint64_t host_errors_of(const run::DeviceTotals& totals) {
  std::uint64_t out = 0;
  for (const run::OpTotals& op : totals.ops) out += op.errors[static_cast<std::size_t>(run::ErrorClass::host)];
  return out;
}

}  // namespace

Nanos DeviceRun::elapsed(Nanos now) const {
  const Nanos started = started_;
  if (started == 0) return 0;
  const Nanos stalled = stalled_at_;
  if (stalled != 0) return stalled - started;
  return (ended_ != 0 ? ended_.load() : now) - started;
}

void DeviceRun::sample(Nanos now) {
  const std::lock_guard lock(mutex_);
  const Nanos passed = now - sample_.at;
  if (passed < util::kSecond) return;
  Sample next;
  next.at = now;
  for (const auto& worker : workers_) {
    for (std::size_t i = 0; i < util::kOpClasses; ++i) {
      next.bytes[i] += worker->counters().ops[i].bytes.get();
      next.operations[i] += worker->counters().ops[i].operations.get();
    }
  }
  next.visited = visited().bytes;
  next.before_at = sample_.at;
  next.visited_before = sample_.visited;
  next.pace = follow(sample_.pace, per_second(next.visited - sample_.visited_before, now - sample_.before_at));
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    next.bytes_per_second[i] = per_second(next.bytes[i] - sample_.bytes[i], passed);
    next.operations_per_second[i] = per_second(next.operations[i] - sample_.operations[i], passed);
  }
  sample_ = next;
}

State DeviceRun::outcome(State stopped) const {
  if (failed()) return State::failed;
  const bool completed = std::all_of(workers_.begin(), workers_.end(), [](auto& w) { return w->completed(); });
  return completed ? State::succeeded : stopped;
}

void DeviceRun::add_to(run::DeviceTotals& out) const {
  const workload::WorkloadSpec& w = spec_.workload;
  const std::array<bool, util::kOpClasses> asked{
      workload::reads(w.rw), workload::writes(w.rw), workload::is_trim(w.rw),
      w.fsync != 0 || w.fdatasync != 0 || w.sync_file_range != 0 || w.end_fsync};
  for (std::size_t i = 0; i < util::kOpClasses; ++i) out.asked_for[i] = out.asked_for[i] || asked[i];
  for (const auto& worker : workers_) {
    worker->counters().add_to(out);
    out.engine.add(spec_.engine.index(), worker->engine());
  }
}

run::EngineState DeviceRun::engine_state() const {
  run::EngineState out{spec_.engine.index(), {}};
  for (const auto& worker : workers_) out.add(worker->engine());
  return out;
}

DeviceSnapshot DeviceRun::snapshot(Nanos now, State state) const {
  DeviceSnapshot out;
  out.facts = facts();
  out.range = plan_.range;
  out.state = state;
  out.safety_read_bytes = plan_.target.safety_read_bytes;
  run::DeviceTotals totals;
  add_to(totals);
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    run::OpSnapshot& op = out.ops[i];
    op.bytes = totals.ops[i].bytes;
    op.operations = totals.ops[i].operations;
    op.across_pause = totals.ops[i].across_pause;
    op.errors = totals.ops[i].error_count();
    op.latency = run::summarize(totals.ops[i].latency);
  }
  out.engine = totals.engine;
  if (totals.cpu_wait_known) out.cpu_wait_seconds = static_cast<double>(totals.cpu_wait) / 1e9;
  out.asked_for = totals.asked_for;
  out.engine_state = engine_state();
  for (const auto& tuning : tunings_) {
    if (tuning) out.tuning.push_back(tuning->snapshot());
  }
  errors_.copy_to(out.errors, out.errors_omitted);
  fill_rates(now, out);
  fill_progress(now, out);
  Judgement judgement = judge(spec_, out, host_errors_of(totals), unmeasured_);
  out.verdict = judgement.verdict;
  out.criteria = std::move(judgement.criteria);
  const std::lock_guard lock(mutex_);
  out.reason = reason_.empty() ? std::move(judgement.reason) : reason_;
  out.kernel = kernel_;
  return out;
}

void DeviceRun::fill_rates(Nanos now, DeviceSnapshot& out) const {
  const std::lock_guard lock(mutex_);
  const bool whole_run = is_final(out.state) || sample_.at <= started_;  // none was taken yet
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    run::OpSnapshot& op = out.ops[i];
    op.bytes_per_second = whole_run ? per_second(op.bytes, elapsed(now)) : sample_.bytes_per_second[i];
    op.operations_per_second = whole_run ? per_second(op.operations, elapsed(now)) : sample_.operations_per_second[i];
  }
}

DeviceRun::Visited DeviceRun::visited() const {
  Visited out{0, source_.total_bytes()};
  for (const auto& worker : workers_) out.bytes += worker->counters().visited_bytes();
  return out;
}

// By how fast it went last, within ten times of the mean either way: a moment in which nothing moves, or everything is
// cached, says little of the rest.
std::optional<double> DeviceRun::seconds_left(const Visited& visited, Nanos passed) const {
  if (visited.bytes == 0 || passed <= 0) return std::nullopt;
  const double mean = per_second(visited.bytes, passed);
  const std::lock_guard lock(mutex_);
  const double pace = sample_.at > started_ ? std::clamp(sample_.pace, mean / 10, mean * 10) : mean;
  return static_cast<double>(visited.of - std::min(visited.bytes, visited.of)) / pace;
}

// Of what is to be done: the range, which `runtime` may cut off, or with time_based the time.
void DeviceRun::fill_progress(Nanos now, DeviceSnapshot& out) const {
  const Nanos passed = elapsed(now);
  const Nanos runtime = spec_.workload.runtime;
  const bool succeeded = out.state == State::succeeded;
  std::optional<double> remaining;
  if (runtime > 0) remaining = std::max(0.0, static_cast<double>(runtime - passed) / 1e9);
  if (spec_.workload.time_based) {
    out.progress = succeeded ? 1 : std::min(1.0, static_cast<double>(passed) / static_cast<double>(runtime));
  } else {
    const Visited now_visited = visited();
    const double share =
        now_visited.of == 0 ? 0 : static_cast<double>(now_visited.bytes) / static_cast<double>(now_visited.of);
    out.progress = std::min(1.0, share);
    const auto left = seconds_left(now_visited, passed);
    if (left) remaining = std::min(remaining.value_or(*left), *left);
  }
  if (succeeded) {
    out.eta_seconds = 0;
  } else if (!is_final(out.state)) {
    out.eta_seconds = remaining;
  }
}

State DeviceRun::state_in(State job) const {
  if (finished() && job != State::pending) return outcome(job);
  return stalled() ? State::failed : job;
}

DeviceEnd DeviceRun::end() const {
  const State state = outcome(State::stopping);
  DeviceSnapshot counts;
  counts.state = state == State::stopping ? State::cancelled : state;
  std::uint64_t host_errors = 0;
  for (const auto& worker : workers_) {
    for (std::size_t i = 0; i < util::kOpClasses; ++i) {
      const run::LiveOp& op = worker->counters().ops[i];
      counts.ops[i].bytes += op.bytes.get();
      for (const auto& errors : op.errors) counts.ops[i].errors += errors.get();
      host_errors += op.errors[static_cast<std::size_t>(run::ErrorClass::host)].get();
    }
  }
  Judgement judgement = judge(spec_, counts, host_errors, unmeasured_);
  const std::lock_guard lock(mutex_);
  return {facts().name, state, judgement.verdict, reason_.empty() ? std::move(judgement.reason) : reason_};
}

DeviceBrief DeviceRun::brief(Nanos now, State state) const {
  DeviceSnapshot progress;
  progress.state = state;
  fill_progress(now, progress);
  DeviceBrief out{progress.progress, 0};
  for (const auto& worker : workers_) {
    for (const run::LiveOp& op : worker->counters().ops) {
      for (const auto& errors : op.errors) out.errors += errors.get();
    }
  }
  return out;
}

void DeviceRun::describe(Nanos now, DeviceTelemetry& out) const {
  Nanos oldest = 0;
  Nanos last = 0;
  for (const auto& worker : workers_) {
    const auto [count, since] = worker->engine().in_flight();
    out.inflight += count;
    if (since != 0) oldest = oldest == 0 ? since : std::min(oldest, since);
    last = std::max(last, worker->counters().last_completion());
  }
  out.engine_state = engine_state();
  if (oldest != 0) out.oldest_inflight_seconds = static_cast<double>(std::max<Nanos>(0, now - oldest)) / 1e9;
  if (last != 0) out.last_completion = util::to_wall_time(last, now);
  out.activity = stalled() ? DeviceActivity::stalled : stopped_ ? DeviceActivity::stopping : DeviceActivity::running;
  DeviceSnapshot progress;
  progress.state = State::running;
  fill_progress(now, progress);
  out.progress = progress.progress;
  for (const auto& worker : workers_) {
    for (std::size_t i = 0; i < util::kOpClasses; ++i) {
      progress.ops[i].bytes += worker->counters().ops[i].bytes.get();
      progress.ops[i].operations += worker->counters().ops[i].operations.get();
    }
  }
  fill_rates(now, progress);
  for (const run::OpSnapshot& op : progress.ops) {
    out.bytes_per_second += op.bytes_per_second;
    out.operations_per_second += op.operations_per_second;
  }
  out.job_id = job_id_;
  out.job_name = spec_.name;
}

}  // namespace spliced::job
