// SPDX-License-Identifier: Apache-2.0
#include "device_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "spliced/util/message_id.h"

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kLogInterval = util::kSecond;  // at most one error line per device in this time

bool is_direct(const StageSpec& stage) {
  const auto* io = io_of(stage);
  return io != nullptr && io->workload.direct;
}

bool destroys(const StageSpec& stage) {
  const auto* io = io_of(stage);
  return io != nullptr && workload::destroys(io->workload.rw);
}

}  // namespace

DeviceRun::DeviceRun(const Environment& environment, RunLabel label, std::vector<StageSpec> stages, DevicePlan plan,
                     std::shared_ptr<StartBarrier> barrier, std::shared_ptr<PauseGate> gate,
                     std::function<void()> on_change)
    : environment_(environment),
      label_(std::move(label)),
      stages_(std::move(stages)),
      plan_(std::move(plan)),
      barrier_(std::move(barrier)),
      gate_(std::move(gate)),
      on_change_(std::move(on_change)),
      created_(plan_.target.open->created.exists()),
      witness_(plan_.target.facts),
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
                                                           std::vector<StageSpec> stages, DevicePlan plan,
                                                           std::shared_ptr<StartBarrier> barrier,
                                                           std::shared_ptr<PauseGate> gate,
                                                           std::function<void()> on_change) {
  std::shared_ptr<DeviceRun> run(new DeviceRun(environment, std::move(label), std::move(stages), std::move(plan),
                                               std::move(barrier), std::move(gate), std::move(on_change)));
  const auto status = run->on_target_thread<util::Status>([run] { return run->prepare_stage(run->barrier_); });
  if (!status) return tl::unexpected(util::with_context(status.error(), run->facts().path));
  run->first_waiters_ = run->current_->waiters();
  return run;
}

util::Status DeviceRun::prepare_stage(const std::shared_ptr<StartBarrier>& barrier) {
  std::shared_ptr<Stage> stage =
      make_stage({environment_, current_spec(), plan_.target, plan_.stages.at(current_index_), *this, *gate_});
  if (auto status = stage->prepare(barrier); !status) return status;
  const std::lock_guard lock(mutex_);
  current_ = std::move(stage);
  return {};
}

util::Status DeviceRun::start() {
  return on_target_thread<util::Status>([self = shared_from_this()]() -> util::Status {
    self->witness_.begin(std::any_of(self->stages_.begin(), self->stages_.end(), is_direct));
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
  if (began) plan_.target.open->keep();
  for (bool on = began;; on = begin_stage()) {
    if (current_) current_->wait();
    const bool done = on && current_->completed();
    end_stage();
    if (!done || failed() || stopped_) break;
    if (current_index_ + 1 == stages_.size()) {
      completed_ = true;
      break;
    }
    ++current_index_;
  }
  close_target();
}

// false when it cannot be: the device has failed then, by no fault of its own.
bool DeviceRun::begin_stage() {
  const auto barrier = std::make_shared<StartBarrier>(environment_.clock);
  auto status = prepare_stage(barrier);
  if (status) status = current_->launch();
  if (!status) {
    barrier->abort();
    on_refusal(status.error().message);
    return false;
  }
  if (stopped_ || failed()) current_->request_stop();
  current_->began(barrier->set(current_->waiters()));
  barrier->let_go();
  return true;
}

// What it did is kept as figures; its workers have buffers.
void DeviceRun::end_stage() {
  if (!current_) return;
  const Nanos now = environment_.clock.now();
  auto ended = std::make_shared<Ended>(*ended_stages_);
  const bool done = !failed() && current_->completed();
  const State state = done ? State::succeeded : failed() ? State::failed : State::stopping;
  StageSnapshot& stage = ended->stages.emplace_back(current_->snapshot(now, state, Detail::all));
  current_->add_to(ended->totals);
  ended->last_completion = std::max(ended->last_completion, current_->flying().last_completion);
  std::shared_ptr<Stage> over;
  const std::lock_guard lock(mutex_);
  stage.reason = reason_;
  ended_stages_ = std::move(ended);
  std::swap(over, current_);
}

void DeviceRun::request_stop() {
  stopped_ = true;
  if (const auto stage = moment().current) stage->request_stop();
}

void DeviceRun::wake_workers() {
  if (const auto stage = moment().current) stage->wake();
}

void DeviceRun::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty()) return;
    reason_ = reason;
  }
  environment_.log.log(util::LogLevel::error, fmt::format("{}: failed: {}", facts().name, reason),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceFailed)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name}});
  if (const auto stage = moment().current) stage->request_stop();
  on_change_();
}

bool DeviceRun::failed() const {
  const std::lock_guard lock(mutex_);
  return !reason_.empty();
}

void DeviceRun::on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) {
  log_error(entry, total);
  const std::uint64_t allowed = current_spec().error_policy.max_errors;
  if (error_class == ErrorClass::host) {
    fail(fmt::format("not the device's doing: {}", entry.message));
  } else if (error_class == ErrorClass::removed) {
    fail(fmt::format("the device went away or shrank: {}", entry.message));
  } else if (total > allowed) {
    fail(fmt::format("{} errors, {} allowed; the last: {}", total, allowed, entry.message));
  }
}

void DeviceRun::on_refusal(const std::string& what) {
  unmeasured_ = true;
  fail(fmt::format("not the device's doing: {}", what));
}

void DeviceRun::log_error(const ErrorEntry& entry, std::uint64_t total) {
  const Nanos now = environment_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    if (last_log_ != 0 && now - last_log_ < kLogInterval) return;
    last_log_ = now;
  }
  environment_.log.log(util::LogLevel::warning, fmt::format("{}: error {}: {}", facts().name, total, entry.message),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceError)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name},
                        {"ERRNO_NAME", entry.error}});
}

void DeviceRun::check_direct_io() {
  if (stopped_) return;
  DeviceTotals totals;
  add_to(totals);
  const bool reads_count = !created_ && std::none_of(stages_.begin(), stages_.end(), destroys);
  const std::string shortfall = witness_.find_shortfall(totals, reads_count);
  if (shortfall.empty()) return;
  unmeasured_ = true;
  fail(shortfall);
}

// It is active until all is given back: that is what others see as "finished".
void DeviceRun::close_target() {
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
  const Nanos now = environment_.clock.now();
  paused_ = gate_->closed_time(now);
  ended_ = now;
  {
    const std::lock_guard lock(mutex_);
    active_.store(false, std::memory_order_release);
    gave_back_.notify_all();
  }
  on_change_();
}

bool DeviceRun::wait_until_finished(Nanos limit) const {
  std::unique_lock lock(mutex_);
  return gave_back_.wait_for(lock, std::chrono::nanoseconds(limit), [&] { return finished(); });
}

void DeviceRun::check_stall(Nanos now) {
  if (stalled() || finished()) return;
  const auto stalled = [&](const std::string& what) {
    stalled_at_ = now;
    fail(fmt::format("stalled: {}", what));
  };
  const Nanos closing = closing_since_;
  if (closing != 0 &&
      now - std::max(closing, environment_.pauses.resumed_at()) >= current_spec().error_policy.stall_timeout) {
    return stalled(
        fmt::format("closing the device has not come back for {:.1f} s", static_cast<double>(now - closing) / 1e9));
  }
  const auto stage = moment().current;
  if (!stage) return;
  if (const auto what = stage->find_stall(now)) stalled(*what);
}

}  // namespace spliced::run
