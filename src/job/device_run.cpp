// SPDX-License-Identifier: Apache-2.0
#include "device_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "spliced/device/direct_io.h"
#include "spliced/util/message_id.h"

namespace spliced::job {

using engine::Direction;
using engine::IoSlot;
using engine::Outcome;
using util::Nanos;

namespace {

constexpr Nanos kLogInterval = util::kSecond;  // at most one error line per device in this time

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

device::KernelCounters difference(const device::KernelCounters& a, const device::KernelCounters& b) {
  return {a.read_ios - b.read_ios,       a.read_bytes - b.read_bytes,   a.write_ios - b.write_ios,
          a.write_bytes - b.write_bytes, a.discard_ios - b.discard_ios, a.discard_bytes - b.discard_bytes};
}

}  // namespace

DeviceRun::DeviceRun(const Environment& environment, std::string job_id, const JobSpec& spec, run::DevicePlan plan,
                     std::function<void()> on_change)
    : environment_(environment),
      job_id_(std::move(job_id)),
      spec_(spec),
      plan_(std::move(plan)),
      on_change_(std::move(on_change)),
      source_(spec_.workload, plan_.range),
      created_(plan_.target.open->created.exists()) {}

// The target answered a moment ago: this is for one that has stopped doing so.
template <class T>
T DeviceRun::on_target_thread(std::function<T()> task) {
  const Nanos begun = util::system_clock().now();
  auto answer = device::Answer<T>(*plan_.target.thread, std::move(task)).wait(begun + device::Lookout::kLimit);
  if (!answer) return device::does_not_answer(facts().path, begun);
  return std::move(*answer);
}

util::Result<std::shared_ptr<DeviceRun>> DeviceRun::create(const Environment& environment, const std::string& job_id,
                                                           const JobSpec& spec, run::DevicePlan plan,
                                                           std::shared_ptr<run::StartBarrier> barrier,
                                                           std::function<void()> on_change) {
  std::shared_ptr<DeviceRun> run(new DeviceRun(environment, job_id, spec, std::move(plan), std::move(on_change)));
  const auto status = run->on_target_thread<util::Status>([run, barrier] { return run->create_workers(barrier); });
  if (!status) return tl::unexpected(util::with_context(status.error(), run->facts().path));
  return run;
}

void DeviceRun::keep_target() {
  plan_.target.thread->post([open = plan_.target.open] { open->keep(); });
}

util::Status DeviceRun::create_workers(const std::shared_ptr<run::StartBarrier>& barrier) {
  prepare_tuning();
  for (unsigned i = 0; i < spec_.workload.workers; ++i) {
    auto worker = run::Worker::create({spec_,
                                       plan_,
                                       i,
                                       thread_name(facts().name, i),
                                       *this,
                                       barrier,
                                       environment_.clock,
                                       environment_.engines,
                                       source_,
                                       environment_.pauses,
                                       {tunings_[0].get(), tunings_[1].get()}});
    if (!worker) return tl::unexpected(worker.error());
    workers_.push_back(std::move(*worker));
  }
  return {};
}

void DeviceRun::prepare_tuning() {
  const auto make = [&](Direction direction) {
    tunings_[engine::index_of(direction)] = std::make_unique<run::Tuning>(direction, spec_, plan_, environment_.tuning);
  };
  if (workload::reads(spec_.workload.rw)) make(Direction::read);
  if (workload::writes(spec_.workload.rw)) make(Direction::write);
}

util::Status DeviceRun::start_workers() {
  return on_target_thread<util::Status>([self = shared_from_this()] { return self->launch_workers(); });
}

util::Status DeviceRun::launch_workers() {
  if (facts().block_device) kernel_before_ = device::read_kernel_counters(facts().id.device);
  if (spec_.workload.direct && !facts().disks.empty()) below_before_ = device::read_kernel_counters(facts().disks);
  active_workers_ = 1;
  for (auto& worker : workers_) {
    active_workers_.fetch_add(1);
    try {
      worker->start();
    } catch (const std::system_error& error) {
      active_workers_.fetch_sub(2);
      return util::fail(util::Errc::exhausted, fmt::format("cannot start worker {} of {}: {}",
                                                           &worker - workers_.data(), facts().name, error.what()));
    }
  }
  return {};
}

void DeviceRun::began(Nanos start) {
  started_ = start;
  const std::lock_guard lock(mutex_);
  sample_.at = sample_.before_at = start;
}

void DeviceRun::request_stop() {
  stopped_ = true;
  for (auto& worker : workers_) worker->request_stop();
}

void DeviceRun::wake_workers() {
  for (auto& worker : workers_) worker->wake();
}

void DeviceRun::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty()) return;
    reason_ = reason;
  }
  environment_.log.log(util::LogLevel::error, fmt::format("{}: failed: {}", facts().name, reason),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceFailed)},
                        {"JOB_ID", job_id_},
                        {"DEVICE", facts().name}});
  for (auto& worker : workers_) worker->request_stop();
  on_change_();
}

bool DeviceRun::failed() const {
  const std::lock_guard lock(mutex_);
  return !reason_.empty();
}

void DeviceRun::on_error(const IoSlot& slot, run::ErrorClass error_class) {
  run::ErrorEntry entry;
  entry.op = slot.op;
  entry.offset = slot.offset;
  entry.length = slot.length;
  entry.error = slot.error != 0 ? util::errno_name(slot.error) : "EOF";
  entry.message = describe_failure(slot, facts());
  const std::uint64_t total = errors_.add(entry);
  log_error(entry, total);
  if (error_class == run::ErrorClass::host) {
    fail(fmt::format("not the device's doing: {}", entry.message));
  } else if (error_class == run::ErrorClass::removed) {
    fail(fmt::format("the device went away or shrank: {}", entry.message));
  } else if (total > spec_.error_policy.max_errors) {
    fail(fmt::format("{} errors, {} allowed; the last: {}", total, spec_.error_policy.max_errors, entry.message));
  }
}

void DeviceRun::on_refusal(const std::string& what) {
  unmeasured_ = true;
  fail(fmt::format("not the device's doing: {}", what));
}

void DeviceRun::log_error(const run::ErrorEntry& entry, std::uint64_t total) {
  const Nanos now = environment_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    if (last_log_ != 0 && now - last_log_ < kLogInterval) return;
    last_log_ = now;
  }
  environment_.log.log(util::LogLevel::warning, fmt::format("{}: error {}: {}", facts().name, total, entry.message),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceError)},
                        {"JOB_ID", job_id_},
                        {"DEVICE", facts().name},
                        {"ERRNO_NAME", entry.error}});
}

// What a file system served from its cache was not measured on any disk.
void DeviceRun::check_direct_io() {
  if (!below_before_ || stopped_) return;
  const auto after = device::read_kernel_counters(facts().disks);
  // A file system has read from its disk before it was mounted: all zeros means that the kernel does not count here.
  if (!after || after->read_ios + after->write_ios == 0) return;
  const auto below = difference(*after, *below_before_);
  run::DeviceTotals totals;
  add_to(totals);
  const device::MovedBytes job{totals.ops[static_cast<std::size_t>(util::OpClass::read)].bytes,
                               totals.ops[static_cast<std::size_t>(util::OpClass::write)].bytes};
  const bool reads_count = !created_ && !workload::destroys(spec_.workload.rw);
  const std::string shortfall = device::direct_io_shortfall(
      job, {below.read_bytes, below.write_bytes}, fmt::format("the disk below {}", facts().path), reads_count);
  if (shortfall.empty()) return;
  unmeasured_ = true;
  fail(shortfall);
}

void DeviceRun::on_exit() {
  if (exited_.fetch_add(1) + 1 == workers_.size()) {
    // Without an owner it is being destroyed, and gives everything back that way.
    if (auto self = weak_from_this().lock()) plan_.target.thread->post([self] { self->close_target(); });
  }
  active_workers_.fetch_sub(1, std::memory_order_release);
}

// The count of active workers is what others see as "finished", so it goes down only when all is given back.
void DeviceRun::close_target() {
  device::OpenTarget& open = *plan_.target.open;
  closing_since_ = environment_.clock.now();
  open.fd.reset();
  closing_since_ = 0;
  if (kernel_before_) {
    const auto after = device::read_kernel_counters(facts().id.device);
    const std::lock_guard lock(mutex_);
    if (after) kernel_ = difference(*after, *kernel_before_);
  }
  check_direct_io();
  open.claim = device::Claim();
  plan_.target.open.reset();
  ended_ = environment_.clock.now();
  active_workers_.fetch_sub(1, std::memory_order_release);
  on_change_();
}

void DeviceRun::check_stall(Nanos now) {
  if (stalled() || finished()) return;
  const auto check = [&](Nanos since, const char* what) {
    // Time in which the daemon did not run is not the device's.
    const Nanos waited = now - std::max(since, environment_.pauses.resumed_at());
    if (since == 0 || waited < spec_.error_policy.stall_timeout || stalled()) return;
    stalled_at_ = now;
    fail(fmt::format("stalled: {} has not come back for {:.1f} s", what, static_cast<double>(now - since) / 1e9));
  };
  check(closing_since_, "closing the device");
  for (const auto& worker : workers_) {
    check(worker->engine().in_flight().since, "an operation");
    check(worker->closing_since(), "closing the device");
  }
}

}  // namespace spliced::job
