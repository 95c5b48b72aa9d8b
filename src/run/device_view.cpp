// SPDX-License-Identifier: Apache-2.0
// How a device under a job looks from outside: its numbers, rates and progress.
#include <algorithm>

#include "device_run.h"

namespace spliced::run {

using util::Nanos;

DeviceRun::Moment DeviceRun::moment() const {
  const std::lock_guard lock(mutex_);
  return {ended_stages_, current_};
}

// The time at which its figures end.
Nanos DeviceRun::end_or(Nanos now) const {
  const Nanos stalled = stalled_at_;
  if (stalled != 0) return stalled;
  const Nanos ended = ended_;
  return ended != 0 ? ended : now;
}

// Without pauses, and without what is no stage's time.
Nanos DeviceRun::elapsed(Nanos end) const {
  const Nanos paused = ended_ != 0 ? paused_.load() : gate_->closed_time(end);
  return elapsed_before_ + (started_ == 0 ? 0 : end - started_ - paused - overhang_);
}

void DeviceRun::sample(Nanos now) {
  if (const auto stage = moment().current) stage->sample(now);
}

bool DeviceRun::still() const {
  const auto stage = moment().current;
  return finished() || stalled() || (stage && stage->still() && flushes_.since() == 0);
}

State DeviceRun::outcome(State stopped) const {
  if (failed()) return State::failed;
  return completed_ ? State::succeeded : stopped;
}

State DeviceRun::state_in(State job) const {
  if (finished() && job != State::pending) return outcome(job);
  return stalled() ? State::failed : job;
}

void DeviceRun::add_to(DeviceTotals& out) const {
  const Moment at = moment();
  out.merge(at.ended->totals);
  if (at.ended->ramp) out.merge(*at.ended->ramp);
  out.flushing += flushing_;
  if (!at.current) return;
  at.current->add_to(out);
  at.current->add_ramp_to(out);
}

// Those that have ended, the one that runs, and those that come after it.
std::vector<StageSnapshot> DeviceRun::all_stages(const Moment& at, const StageSnapshot& current, State device) const {
  std::vector<StageSnapshot> out = at.ended->stages;
  if (at.current) out.push_back(current);
  for (std::size_t i = out.size(); i < stages_->size(); ++i) {
    StageSnapshot& coming = out.emplace_back();
    coming.name = stages_->at(i).name;
    coming.range = plan_.stages[i].range();
  }
  const auto settle = [&](StageSnapshot& one) {
    if (one.state == State::stopping && is_final(device)) one.state = device;
  };
  for (StageSnapshot& stage : out) {
    settle(stage);
    std::for_each(stage.streams.begin(), stage.streams.end(), settle);
  }
  return out;
}

namespace {

// One that was to move data, and had no time to.
bool is_idle(const StageSnapshot& one) {
  const bool asked = std::any_of(one.asked_for.begin(), one.asked_for.end(), [](bool each) { return each; });
  const bool moved = std::any_of(one.ops.begin(), one.ops.end(), [](auto& op) { return op.bytes != 0; });
  return asked && !moved;
}

// One that was to check data, and found none.
bool is_unchecked(const StageSnapshot& one) {
  return one.verify.asked_for && one.verify.bytes == 0;
}

// The first stage, or stream of one, that succeeded and is so.
std::string first_of(const std::vector<StageSnapshot>& ended, bool (*is_so)(const StageSnapshot&)) {
  const auto holds = [&](const StageSnapshot& one) { return one.state == State::succeeded && is_so(one); };
  for (const StageSnapshot& stage : ended) {
    if (holds(stage)) return stage.name.empty() ? "stage" : stage.name;
    const auto stream = std::find_if(stage.streams.begin(), stage.streams.end(), holds);
    if (stream != stage.streams.end()) return stage.name + "/" + stream->name;
  }
  return "";
}

}  // namespace

// Of the stage that runs it takes percentiles, which a glance does not need: what has ended is decided.
std::vector<NamedEvidence> DeviceRun::evidence_of(const Moment& at, const StageSnapshot& current, Detail detail) {
  std::vector<NamedEvidence> out;
  for (const StageSnapshot& stage : at.ended->stages) out.push_back({stage.name, stage.evidence});
  if (at.current && detail == Detail::all) out.push_back({current.name, current.evidence});
  return out;
}

// The stages weigh alike: how long each takes is not known before.
double DeviceRun::progress_of(const Moment& at, const StageSnapshot& current) const {
  double sum = at.current ? current.progress : 0;
  for (const StageSnapshot& stage : at.ended->stages) sum += stage.progress;
  return std::min(1.0, sum / static_cast<double>(stages_->size()));
}

DeviceSnapshot DeviceRun::snapshot(Nanos now, State state, Detail detail) const {
  const Moment at = moment();
  const Nanos end = end_or(now);
  Nanos active = elapsed(end) - at.ended->ramped;
  if (at.current) active -= at.current->ramped(end);
  StageSnapshot current;
  if (at.current) {
    current = at.current->snapshot(end, state, detail);
  } else if (!at.ended->stages.empty()) {
    current = at.ended->stages.back();
  }
  DeviceSnapshot out;
  out.state = state;
  out.range = range_;
  out.progress = progress_of(at, current);
  out.unmeasured = unmeasured_;
  out.host_untrusted = environment_.host_untrusted != nullptr && environment_.host_untrusted->load();
  out.idle_stage = first_of(at.ended->stages, is_idle);
  out.unchecked_stage = first_of(at.ended->stages, is_unchecked);
  if (detail == Detail::all || is_final(state)) out.shown = evidence_of(at, current, detail);
  DeviceTotals totals;
  totals.merge(at.ended->before);
  totals.merge(at.ended->totals);
  if (at.current) {
    at.current->add_before_to(totals);
    at.current->add_to(totals, detail);
  }
  fill_counts(totals, out);
  for (std::size_t i = 0; i < util::kOpClasses; ++i) {
    OpSnapshot& op = out.ops[i];
    const bool live = at.current && !is_final(state);
    op.bytes_per_second = live ? current.ops[i].bytes_per_second : per_second(op.bytes, active);
    op.operations_per_second = live ? current.ops[i].operations_per_second : per_second(op.operations, active);
  }
  if (state == State::succeeded) {
    out.eta_seconds = 0;
  } else if (!is_final(state)) {
    out.eta_seconds = current.eta_seconds;
  }
  out.engine_state = current.engine_state;
  out.ramping = current.ramping;
  if (detail == Detail::all) add_details(at, std::move(current), out);
  const std::lock_guard lock(mutex_);
  out.zones = zones_;
  out.reason = reason_;
  out.kernel = kernel_;
  const std::size_t index = at.ended->stages.size();
  if (at.current && steady_ && index < out.shown.size()) out.shown[index].what.steady = steady_;
  if (at.current && steady_ && index < out.stages.size()) out.stages[index].evidence.steady = steady_;
  return out;
}

namespace {

// Its sums are counted elsewhere.
void add_lists(const VerifySnapshot& stage, VerifySnapshot& out) {
  out.miscompares.insert(out.miscompares.end(), stage.miscompares.begin(), stage.miscompares.end());
  out.miscompares_omitted += stage.miscompares_omitted;
  for (const auto& [pass, bytes] : stage.passes) out.passes[pass] += bytes;
  out.indeterminate.insert(out.indeterminate.end(), stage.indeterminate.begin(), stage.indeterminate.end());
  if (!stage.adopted_run_id.empty()) {
    out.adopted_run_id = stage.adopted_run_id;
    out.adopted_seed = stage.adopted_seed;
  }
  if (stage.shift) out.shift = stage.shift;
}

}  // namespace

void DeviceRun::add_details(const Moment& at, StageSnapshot current, DeviceSnapshot& out) const {
  out.facts = facts();
  out.safety_read_bytes = plan_.target.safety_read_bytes;
  out.stages = all_stages(at, current, out.state);
  out.tuning = std::move(current.tuning);
  for (const StageSnapshot& stage : out.stages) {
    out.errors.insert(out.errors.end(), stage.errors.begin(), stage.errors.end());
    out.errors_omitted += stage.errors_omitted;
    add_lists(stage.verify, out.verify);
  }
  out.verify.indeterminate_ranges = history_.doubts();
}

std::optional<StageFigures> DeviceRun::figures(std::size_t stage) const {
  const Moment at = moment();
  if (!at.current || at.ended->stages.size() != stage) return std::nullopt;
  return at.current->figures();
}

// Of the stage that goes on, and over time.
void DeviceRun::tell_figures(std::size_t stage) const {
  const auto now = figures(stage);
  if (now && hooks_.on_figures && !now->stage.empty()) hooks_.on_figures(stage, *now);
  if (const auto all = over_time(); all && hooks_.on_over_time) hooks_.on_over_time(*all);
}

std::optional<OverTime> DeviceRun::over_time() const {
  return started_ == 0 ? std::nullopt : std::optional(series_.over_time());
}

void DeviceRun::describe(Nanos now, RunTelemetry& out) const {
  const Moment at = moment();
  const Flying flying = at.current ? at.current->flying() : Flying{};
  const Nanos last = std::max(flying.last_completion, at.ended->last_completion);
  out.inflight = flying.count;
  if (flying.oldest != 0) {
    out.oldest_inflight_seconds = static_cast<double>(std::max<Nanos>(0, now - flying.oldest)) / 1e9;
  }
  if (last != 0) out.last_completion = util::to_wall_time(last, now);
  const Nanos checkpoint = last_checkpoint_;
  if (checkpoint != 0) out.checkpoint_age = static_cast<double>(std::max<Nanos>(0, now - checkpoint)) / 1e9;
  out.indeterminate_ranges = history_.doubts();
  out.activity = stalled()         ? Activity::stalled
                 : stopped_        ? Activity::stopping
                 : gate_->closed() ? Activity::paused
                                   : Activity::running;
  const DeviceSnapshot seen = snapshot(now, State::running, Detail::counts);
  out.engine_state = seen.engine_state;
  out.progress = seen.progress;
  for (const OpSnapshot& op : seen.ops) {
    out.bytes_per_second += op.bytes_per_second;
    out.operations_per_second += op.operations_per_second;
  }
  out.job_id = label_.job_id;
  out.job_name = label_.job_name;
}

}  // namespace spliced::run
