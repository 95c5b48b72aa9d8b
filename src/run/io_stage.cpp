// SPDX-License-Identifier: Apache-2.0
#include "io_stage.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::run {

using engine::Direction;
using engine::IoSlot;
using engine::Outcome;
using util::Nanos;

namespace {

std::string thread_name(const std::string& device, unsigned index) {
  // 15 characters: the end of the name tells devices apart.
  const std::string suffix = fmt::format("/{}", index);
  const std::size_t room = 15 - suffix.size();
  const std::string tail = device.substr(device.rfind('/') + 1);
  return (tail.size() > room ? tail.substr(tail.size() - room) : tail) + suffix;
}

std::string describe_failure(const IoSlot& slot, const device::TargetFacts& facts) {
  const std::string what = fmt::format("{} of {} bytes at offset {}", util::op_name(slot.op), slot.length, slot.offset);
  switch (slot.outcome) {
    case Outcome::end_of_target: return fmt::format("{}: {} ended after {} bytes of it", what, facts.path, slot.moved);
    case Outcome::unsupported:
      return fmt::format("splice_unsupported: {} on a file system of type {} cannot splice", facts.path,
                         facts.block_device ? "block device" : facts.file_system);
    case Outcome::path_refused:
      return fmt::format("{}: the read path that the job pinned does not work on this kernel: {}", what,
                         util::errno_text(slot.error));
    default: return fmt::format("{}: {}", what, util::errno_text(slot.error));
  }
}

}  // namespace

IoStage::IoStage(const Setup& setup, const IoSpec& io)
    : setup_(setup), io_(io), source_(io.workload, setup.plan.range) {}

util::Status IoStage::prepare(const std::shared_ptr<StartBarrier>& barrier) {
  prepare_tuning();
  for (unsigned i = 0; i < io_.workload.workers; ++i) {
    auto worker = Worker::create({io_,
                                  setup_.target,
                                  setup_.plan.grant,
                                  i,
                                  thread_name(facts().name, i),
                                  *this,
                                  barrier,
                                  setup_.environment.clock,
                                  setup_.environment.engines,
                                  source_,
                                  setup_.environment.pauses,
                                  setup_.gate,
                                  {tunings_[0].get(), tunings_[1].get()}});
    if (!worker) return tl::unexpected(worker.error());
    workers_.push_back(std::move(*worker));
  }
  return {};
}

void IoStage::prepare_tuning() {
  const auto make = [&](Direction direction) {
    tunings_[engine::index_of(direction)] =
        std::make_unique<Tuning>(direction, io_, setup_.target, setup_.plan.grant, setup_.environment.tuning);
  };
  if (workload::reads(io_.workload.rw)) make(Direction::read);
  if (workload::writes(io_.workload.rw)) make(Direction::write);
}

util::Status IoStage::launch() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const std::lock_guard lock(mutex_);
    try {
      workers_[i]->start();
    } catch (const std::system_error& error) {
      return util::fail(util::Errc::exhausted,
                        fmt::format("cannot start worker {} of {}: {}", i, facts().name, error.what()));
    }
    ++active_;
  }
  return {};
}

void IoStage::wait() {
  std::unique_lock lock(mutex_);
  left_.wait(lock, [&] { return active_ == 0; });
}

void IoStage::began(Nanos start) {
  paused_before_ = setup_.gate.closed_time(start);
  rates_.begin(start);
  started_ = start;
}

void IoStage::request_stop() {
  for (auto& worker : workers_) worker->request_stop();
}

void IoStage::wake() {
  for (auto& worker : workers_) worker->wake();
}

bool IoStage::still() const {
  return std::all_of(workers_.begin(), workers_.end(), [](auto& worker) { return worker->still(); });
}

bool IoStage::completed() const {
  return std::all_of(workers_.begin(), workers_.end(), [](auto& worker) { return worker->completed(); });
}

void IoStage::on_error(const IoSlot& slot, ErrorClass error_class) {
  ErrorEntry entry;
  entry.op = slot.op;
  entry.offset = slot.offset;
  entry.length = slot.length;
  entry.error = slot.error != 0 ? util::errno_name(slot.error) : "EOF";
  entry.message = describe_failure(slot, facts());
  const std::uint64_t total = errors_.add(entry);
  setup_.owner.on_io_error(entry, total, error_class);
}

void IoStage::on_refusal(const std::string& what) {
  setup_.owner.on_refusal(what);
}

void IoStage::on_exit() {
  const std::lock_guard lock(mutex_);
  if (--active_ == 0) left_.notify_all();
}

// Time in which the daemon did not run is not the device's.
std::optional<std::string> IoStage::find_stall(Nanos now) const {
  const auto stalled = [&](Nanos since, const char* what) -> std::optional<std::string> {
    const Nanos waited = now - std::max(since, setup_.environment.pauses.resumed_at());
    if (since == 0 || waited < setup_.spec.error_policy.stall_timeout) return std::nullopt;
    return fmt::format("{} has not come back for {:.1f} s", what, static_cast<double>(now - since) / 1e9);
  };
  for (const auto& worker : workers_) {
    if (auto what = stalled(worker->engine().in_flight().since, "an operation")) return what;
    if (auto what = stalled(worker->closing_since(), "closing the device")) return what;
  }
  return std::nullopt;
}

}  // namespace spliced::run
