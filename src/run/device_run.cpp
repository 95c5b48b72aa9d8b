// SPDX-License-Identifier: Apache-2.0
#include "device_run.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace spliced::run {

using util::Nanos;

namespace {

// Of slow zones; none: they are not looked for.
std::optional<double> limit_of(const std::vector<StageSpec>& stages) {
  for (const StageSpec& stage : stages) {
    if (const auto* again = std::get_if<RereadSpec>(&stage.what)) return again->limit;
  }
  return std::nullopt;
}

}  // namespace

DeviceRun::DeviceRun(const Environment& environment, RunLabel label, SharedStages stages, DevicePlan plan,
                     std::shared_ptr<StartBarrier> barrier, std::shared_ptr<PauseGate> gate, Hooks hooks)
    : environment_(environment),
      label_(std::move(label)),
      stages_(std::move(stages)),
      plan_(std::move(plan)),
      barrier_(std::move(barrier)),
      gate_(std::move(gate)),
      hooks_(std::move(hooks)),
      range_(whole_of(ranges_of(plan_.stages))),
      created_(plan_.target.open->created.exists()),
      witness_(plan_.target.facts),
      origin_(data_origin(label_.run_id, plan_.number, plan_.target.facts.info)),
      zone_watch_(limit_of(*stages_), plan_.target.facts),
      from_(plan_.from),
      ended_stages_(std::make_shared<const Ended>()) {}

// The target answered a moment ago: this is for one that has stopped doing so.
template <class T>
T DeviceRun::on_target_thread(std::function<T()> task) {
  const Nanos begun = util::system_clock().now();
  auto answer = device::Answer<T>(*plan_.target.thread, std::move(task)).wait(begun + device::Lookout::kLimit);
  if (!answer) return device::does_not_answer(facts().path, begun);
  return std::move(*answer);
}

util::Result<std::shared_ptr<DeviceRun>> DeviceRun::create(const Environment& environment, RunLabel label,
                                                           SharedStages stages, DevicePlan plan,
                                                           std::shared_ptr<StartBarrier> barrier,
                                                           std::shared_ptr<PauseGate> gate, Hooks hooks) {
  std::shared_ptr<DeviceRun> run(new DeviceRun(environment, std::move(label), std::move(stages), std::move(plan),
                                               std::move(barrier), std::move(gate), std::move(hooks)));
  const auto status = run->on_target_thread<util::Status>([run]() -> util::Status {
    if (auto resumed = run->resume(); !resumed) return resumed;
    return run->prepare_stage(run->barrier_);
  });
  if (!status) return tl::unexpected(util::with_context(status.error(), run->facts().path));
  run->first_waiters_ = run->current_->waiters();
  return run;
}

// Nothing is written to what is another drive now, or holds other data.
util::Status DeviceRun::resume() {
  if (!from_) return {};
  const Checkpoint& at = from_->at;
  const History of{*stages_, plan_.stages, origin_};
  if (const std::string misfit = find_misfit(at, *stages_, plan_.stages); !misfit.empty()) {
    return util::fail(util::Errc::internal, fmt::format("its checkpoint {}", misfit));
  }
  if (auto same = check_places(plan_.target.open->fd.get(), witnesses(of, at)); !same) return same;
  restore(of, at, history_);
  current_index_ = at.stage;
  next_pass_ = at.next_pass;
  zone_watch_.resume(at.rates);
  if (from_->over_time) series_.resume(*from_->over_time);
  elapsed_before_ = at.elapsed;
  auto ended = std::make_shared<Ended>();
  ended->stages.assign(from_->stages.begin(),
                       from_->stages.begin() + static_cast<std::ptrdiff_t>(std::min(at.stage, from_->stages.size())));
  ended->before = at.before;
  ended->ramped = at.ramped;
  for (const StageSnapshot& stage : from_->stages) damage_budget_.kept += stage.verify.miscompares.size();
  ended_stages_ = std::move(ended);
  return {};
}

util::Status DeviceRun::prepare_stage(const std::shared_ptr<StartBarrier>& barrier) {
  // What is checked comes from the medium, also where the stage before read it.
  if (!is_direct(current_spec()) && checks_anything(current_spec()))
    (void)::posix_fadvise(plan_.target.open->fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::shared_ptr<Stage> stage =
      make_stage({environment_, current_spec(), plan_.target, plan_.stages.at(current_index_), *this, *gate_, flushes_,
                  origin_, history_, damage_budget_, next_pass_, current_index_,
                  from_ && from_->at.stage == current_index_ ? from_.get() : nullptr, zone_watch_});
  if (auto status = stage->prepare(barrier); !status) return status;
  const std::lock_guard lock(mutex_);
  current_ = std::move(stage);
  return {};
}

util::Status DeviceRun::start() {
  return on_target_thread<util::Status>([self = shared_from_this()]() -> util::Status {
    self->witness_.begin(std::any_of(self->stages_->begin(), self->stages_->end(), is_direct));
    if (auto status = self->current_->launch(); !status) return status;
    self->active_ = true;
    self->plan_.target.thread->post([self] { self->walk(); });
    return {};
  });
}

void DeviceRun::began(Nanos start) {
  started_ = start;
  current_->began(start);
}

// With the workers of the first stage it waits for the others of the job; each later stage begins by itself.
void DeviceRun::walk() {
  const bool began = barrier_->wait() != 0;
  if (began) {
    plan_.target.open->keep();
    tell_of_stage();
  }
  pace_ = CheckpointPace(began ? started_.load() : environment_.clock.now());
  const Nanos now = environment_.clock.now();
  series_.begin(now, std::chrono::system_clock::now(), {gate_->closed_time(now), ended_stages_->ramped, false, {}});
  thermometer_ = environment_.thermometer(facts());
  for (bool on = began;; on = begin_stage()) {
    if (current_) await_stage();
    const bool done = on && current_->completed();
    if (done && !failed() && !stopped_) flush_for_next();
    if (!done && left_for_later_ && !failed()) take_checkpoint();
    end_stage();
    if (!done || failed() || stopped_) break;
    if (current_index_ + 1 == stages_->size()) {
      completed_ = true;
      break;
    }
    ++current_index_;
    note_stage_end();
  }
  close_target();
}

// false when it cannot be: the device has failed then, by no fault of its own.
bool DeviceRun::begin_stage() {
  const auto barrier = std::make_shared<StartBarrier>(environment_.clock);
  looking_since_ = environment_.clock.now();
  auto status = prepare_stage(barrier);
  looking_since_ = 0;
  if (status) status = current_->launch();
  if (!status) {
    barrier->abort();
    on_refusal(status.error().message);
    return false;
  }
  if (stopped_ || failed()) current_->request_stop();
  current_->began(barrier->set(current_->waiters()));
  tell_of_stage();
  barrier->let_go();
  return true;
}

// What it did is kept as figures; its workers have buffers.
void DeviceRun::end_stage() {
  if (!current_) return;
  next_pass_ += current_->end_history();
  const Nanos now = environment_.clock.now();
  auto ended = std::make_shared<Ended>(*ended_stages_);
  const bool done = !failed() && current_->completed();
  const State state = done ? State::succeeded : failed() ? State::failed : State::stopping;
  StageSnapshot& stage = ended->stages.emplace_back(current_->snapshot(now, state, Detail::all));
  current_->add_to(ended->totals);
  current_->add_before_to(ended->before);
  if (const Nanos ramped = current_->ramped(now); ramped != 0) {
    if (!ended->ramp) ended->ramp.emplace();
    current_->add_ramp_to(*ended->ramp);
    ended->ramped += ramped;
  }
  const StageFigures figures = current_->figures();
  ZoneReport zones = look_for_zones(done, figures);
  if (!stalled() && hooks_.on_figures && !figures.stage.empty()) hooks_.on_figures(current_index_, figures);
  ended->last_completion = std::max(ended->last_completion, current_->flying().last_completion);
  std::shared_ptr<Stage> over;
  const std::lock_guard lock(mutex_);
  stage.reason = reason_;
  stage.evidence.steady = std::exchange(steady_, std::nullopt);
  zones_ = std::move(zones);
  ended_stages_ = std::move(ended);
  std::swap(over, current_);
}

// It is known when what looks slow was read again.
ZoneReport DeviceRun::look_for_zones(bool done, const StageFigures& figures) {
  ZoneReport out;
  if (!zone_watch_.asked()) return out;
  if (done) zone_watch_.add(current_spec(), figures);
  const bool is_last = std::holds_alternative<RereadSpec>(current_spec().what);
  return is_last && done ? zone_watch_.report() : out;
}

void DeviceRun::request_stop() {
  stopped_ = true;
  if (const auto stage = moment().current) stage->request_stop();
}

void DeviceRun::wake_workers() {
  if (const auto stage = moment().current) stage->wake();
}

// It is active until all is given back: that is what others see as "finished".
void DeviceRun::close_target() {
  look_at_series(true);
  device::OpenTarget& open = *plan_.target.open;
  closing_since_ = environment_.clock.now();
  open.fd.reset();
  closing_since_ = 0;
  {
    const auto counted = witness_.device();
    const std::lock_guard lock(mutex_);
    kernel_ = counted;
  }
  check_direct_io();
  open.claim = device::Claim();
  plan_.target.open.reset();
  if (!stalled() && hooks_.on_over_time && started_ != 0) hooks_.on_over_time(series_.over_time());
  const Nanos now = environment_.clock.now();
  paused_ = gate_->closed_time(now);
  ended_ = now;
  {
    const std::lock_guard lock(mutex_);
    active_.store(false, std::memory_order_release);
    gave_back_.notify_all();
  }
  hooks_.on_change();
}

bool DeviceRun::wait_until_finished(Nanos limit) const {
  std::unique_lock lock(mutex_);
  return gave_back_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return finished(); });
}

}  // namespace spliced::run
