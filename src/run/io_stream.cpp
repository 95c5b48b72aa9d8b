// SPDX-License-Identifier: Apache-2.0
#include "io_stream.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::run {

using engine::Direction;
using util::Nanos;

namespace {

constexpr Nanos kLook = util::kSecond / 2;

std::string thread_name(const std::string& device, unsigned index) {
  // 15 characters: the end of the name tells devices apart.
  const std::string suffix = fmt::format("/{}", index);
  const std::size_t room = 15 - suffix.size();
  const std::string tail = device.substr(device.rfind('/') + 1);
  return (tail.size() > room ? tail.substr(tail.size() - room) : tail) + suffix;
}

}  // namespace

IoStream::IoStream(const Stage::Setup& stage, const Setup& setup, DamageLog& damage, StreamOwner& owner)
    : setup_(stage),
      spec_(setup.spec),
      io_(setup.spec.io),
      plan_(setup.plan),
      times_(setup.times),
      first_worker_(setup.first_worker),
      bands_(setup.bands),
      damage_(damage),
      owner_(owner),
      before_(stage.from == nullptr ? StreamPoint{} : stage.from->at.streams.at(setup.number)),
      source_(setup.spec.io.workload, setup.plan.range,
              stage.from == nullptr ? workload::Cursor{} : stage.from->at.cursors.at(setup.number), setup.order),
      series_(make_series({setup_.origin,
                           io_,
                           source_.first_round(),
                           setup_.first_pass,
                           setup.contested,
                           {stage.number, setup.number, stage.spec.name}})),
      image_(series_ ? series_->image() : nullptr) {
  if (series_ && stage.from != nullptr) resume_series(*series_, *stage.from, setup.number, io_.workload);
}

util::Status IoStream::prepare(const std::shared_ptr<StartBarrier>& barrier) {
  prepare_tuning();
  prepare_history();
  const Expectation* expectation = own_.get();
  if (found_) expectation = found_.get();
  for (unsigned i = 0; i < io_.workload.workers; ++i) {
    auto worker = Worker::create({io_,
                                  times_,
                                  setup_.target,
                                  plan_.grant,
                                  i,
                                  thread_name(facts().name, first_worker_ + i),
                                  *this,
                                  barrier,
                                  setup_.environment,
                                  source_,
                                  image_,
                                  setup_.first_pass,
                                  expectation,
                                  damage_,
                                  bands_,
                                  enough_,
                                  setup_.flushes,
                                  setup_.gate,
                                  {tunings_[0].get(), tunings_[1].get()}});
    if (!worker) return tl::unexpected(worker.error());
    workers_.push_back(std::move(*worker));
  }
  return {};
}

void IoStream::prepare_tuning() {
  for (const Direction direction : directions_of(io_)) {
    tunings_[engine::index_of(direction)] =
        std::make_unique<Tuning>(direction, io_, setup_.target, plan_.grant, setup_.environment.tuning);
  }
}

util::Status IoStream::launch() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const std::lock_guard lock(mutex_);
    try {
      workers_[i]->start();
    } catch (const std::system_error& error) {
      return util::fail(util::Errc::exhausted,
                        fmt::format("cannot start worker {} of {}: {}", first_worker_ + i, facts().name, error.what()));
    }
    ++active_;
  }
  return {};
}

// The clock is not that of the condition: it is looked at now and then.
bool IoStream::wait(Nanos until) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return active_ == 0; };
  for (;;) {
    const Nanos left = until - setup_.environment.clock.now();
    if (left <= 0) return over();
    if (left_.wait_for(lock, std::chrono::nanoseconds(std::min(left, kLook)), over)) return true;
  }
}

void IoStream::began(Nanos start) {
  paused_before_ = setup_.gate.closed_time(start);
  rates_.begin(start, before_.visited);
  started_ = start;
}

void IoStream::request_stop() {
  for (auto& worker : workers_) worker->request_stop();
}

void IoStream::finish() {
  enough_ = true;
  wake();
}

void IoStream::wake() {
  for (auto& worker : workers_) worker->wake();
}

bool IoStream::still() const {
  return std::all_of(workers_.begin(), workers_.end(), [](auto& worker) { return worker->still(); });
}

bool IoStream::completed() const {
  return std::all_of(workers_.begin(), workers_.end(), [](auto& worker) { return worker->completed(); });
}

void IoStream::on_exit() {
  const Nanos took = active_time(setup_.environment.clock.now());
  const std::lock_guard lock(mutex_);
  if (--active_ != 0) return;
  took_ = std::max<Nanos>(1, took);
  left_.notify_all();
}

// Time in which the daemon did not run is not the device's.
std::optional<std::string> IoStream::find_stall(Nanos now) const {
  const auto stalled = [&](Nanos since, const char* what) -> std::optional<std::string> {
    const Nanos waited = now - std::max(since, setup_.environment.pauses.resumed_at());
    if (since == 0 || waited < setup_.spec.error_policy.stall_timeout) return std::nullopt;
    return fmt::format("{} has not come back for {:.1f} s", what, static_cast<double>(now - since) / 1e9);
  };
  for (const auto& worker : workers_) {
    if (auto what = stalled(worker->engine().in_flight().since, "an operation")) return what;
    if (auto what = stalled(worker->closing_since(), "closing the device")) return what;
    if (auto what = stalled(worker->looking_since(), "a read that looks at the data")) return what;
  }
  return std::nullopt;
}

}  // namespace spliced::run
