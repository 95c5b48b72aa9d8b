// SPDX-License-Identifier: Apache-2.0
// From a spec to a job that runs, or to nothing.
#include <fmt/format.h>
#include <sys/random.h>

#include <system_error>
#include <utility>

#include "plan/plan.h"
#include "service_impl.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

constexpr Nanos kAbandon = util::kSecond;  // for targets to be given back, so that whoever comes next finds them free

// RFC 9562 version 4.
std::string new_id() {
  unsigned char b[16] = {};
  if (::getrandom(b, sizeof b, 0) != static_cast<ssize_t>(sizeof b))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string id;
  for (std::size_t i = 0; i < sizeof b; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += fmt::format("{:02x}", b[i]);
  }
  return id;
}

void give_grants(const Reservation& reservation, run::DevicePlan& device) {
  for (std::size_t i = 0; i < device.stages.size(); ++i) {
    auto& streams = device.stages[i].streams;
    for (std::size_t k = 0; k < streams.size(); ++k) streams[k].grant = reservation.grants.at(i).at(k);
  }
}

}  // namespace

Result<Reservation> JobService::Impl::reserve(const JobSpec& spec) {
  const auto bound = setup_.memory();  // reads files: not under the lock
  const std::lock_guard lock(mutex_);
  if (!accepting_) return fail(Errc::unavailable, "the daemon is shutting down");
  return budget_.reserve(spec, bound);
}

Result<JobSnapshot> JobService::Impl::submit(const JobSpec& spec, const access::Principal& who) {
  if (auto allowed = may_submit(spec, who); !allowed) return tl::unexpected(allowed.error());
  if (!accepting_) return fail(Errc::unavailable, "the daemon is shutting down");
  const std::string id = new_id();
  auto reservation = reserve(spec);
  if (!reservation) return tl::unexpected(reservation.error());
  const auto barrier =
      std::make_shared<run::StartBarrier>(setup_.clock);  // workers may still be leaving it when this returns
  auto job = std::make_shared<Job>();
  job->id = id;
  job->spec = spec;
  job->created_by = who.name;
  job->reservation = *reservation;
  job->gate = std::make_shared<run::PauseGate>(setup_.clock);
  job->created_at = std::chrono::system_clock::now();
  const auto begin = [&]() -> Result<JobSnapshot> {
    auto planned = plan::make_plan(setup_.admission, spec, id);
    if (!planned) return tl::unexpected(planned.error());
    for (run::DevicePlan& device : planned->devices) give_grants(*reservation, device);
    auto runs = create_runs(job, std::move(*planned), barrier);
    if (!runs) return tl::unexpected(runs.error());
    job->runs = std::move(*runs);
    return launch(job, *barrier);
  };
  Result<JobSnapshot> snapshot = fail(Errc::internal, "the job did not begin");
  try {
    snapshot = begin();
  } catch (const std::exception& error) {
    snapshot = fail(Errc::internal, error.what());
  }
  if (!snapshot) abandon(job, *barrier, *reservation);
  return snapshot;
}

// Takes back a job that did not come to run.
void JobService::Impl::abandon(const JobPtr& job, run::StartBarrier& barrier, const Reservation& reservation) {
  barrier.abort();
  const Nanos end = util::system_clock().now() + kAbandon;
  for (const auto& run : job->runs) (void)run->wait_until_finished(end - util::system_clock().now());
  const std::lock_guard lock(mutex_);
  std::erase(jobs_, job);
  for (const auto& run : job->runs) registry_.add_ended(run, false, setup_.clock.now());
  job->runs.clear();  // joins
  budget_.give_back(reservation);
}

Result<std::vector<std::shared_ptr<run::DeviceRun>>> JobService::Impl::create_runs(
    const JobPtr& job, plan::JobPlan plan, const std::shared_ptr<run::StartBarrier>& barrier) {
  std::vector<std::string> names;
  for (const auto& device : plan.devices) names.push_back(device.target.facts.name);
  if (!registry_.make_room_for(names)) {
    return fail(Errc::exhausted,
                fmt::format("jobs run on {} devices; that is the limit", DeviceTotalsRegistry::kMaxDevices));
  }
  std::vector<std::shared_ptr<run::DeviceRun>> runs;
  for (auto& device : plan.devices) {
    auto run = run::DeviceRun::create(environment_, {job->id, plan.spec.name}, plan.stages, std::move(device), barrier,
                                      job->gate, [this] { wake(); });
    if (!run) return tl::unexpected(run.error());
    runs.push_back(std::move(*run));
  }
  return runs;
}

Result<JobSnapshot> JobService::Impl::launch(const JobPtr& job, run::StartBarrier& barrier) {
  std::size_t waiters = 0;
  for (const auto& run : job->runs) {
    if (auto status = run->start(); !status) return tl::unexpected(status.error());
    waiters += run->waiters();
  }
  barrier.await(waiters);  // not under the lock
  for (const auto& run : job->runs) registry_.attach(run);
  {
    const std::lock_guard lock(mutex_);
    job->sequence = ++last_sequence_;
    jobs_.push_back(job);
  }
  write_behind_.put(record_of(view(job)));
  const Nanos start = barrier.set(waiters);
  for (const auto& run : job->runs) run->began(start);
  {
    const std::lock_guard lock(mutex_);
    job->started_at = std::chrono::system_clock::now();
    job->started_now = setup_.clock.now();
    job->transition(State::running);
    publish_state(*job);
    if (job->cancel_requested) stop(*job, State::cancelled);
  }
  barrier.let_go();
  wake();
  return show(job);
}

}  // namespace spliced::job
