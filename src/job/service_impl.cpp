// SPDX-License-Identifier: Apache-2.0
#include "service_impl.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "plan.h"

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

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

constexpr Nanos kRecorderPause = util::kSecond;   // between two rounds of the recorder with nothing to do
constexpr Nanos kLeastWait = util::kSecond / 10;  // for threads that have nothing to do but to give something back
constexpr Nanos kAbandon = util::kSecond;  // for targets to be given back, so that whoever comes next finds them free
constexpr Nanos kSettle = util::kSecond;   // for what is under way when a job is paused
constexpr Nanos kAskWhetherGone = util::kSecond / 10;  // of a client in wait(), whether it is still there

}  // namespace

JobService::Impl::Impl(ServiceSetup setup)
    : setup_(std::move(setup)),
      write_behind_(setup_.store, setup_.log),
      pauses_(setup_.clock.now(), setup_.limits.overdue),
      environment_{setup_.clock, setup_.log, setup_.engines, tuning_, pauses_},
      watch_(setup_.admission, registry_),
      budget_(setup_.limits),
      last_tick_(setup_.clock.now()),
      last_recording_(last_tick_.load()),
      recorder_([this](const std::stop_token& stop) { record_changes(stop); }),
      supervisor_([this](const std::stop_token& stop) { supervise(stop); }) {}

JobService::Impl::~Impl() {
  supervisor_.request_stop();
  wake();
  recorder_.request_stop();
  supervisor_.join();
  recorder_.join();
  // What closes a target uses this object. After stop_all() nothing is left to close.
  changes_.clear();
  jobs_.clear();
  lingering_.clear();
  (void)setup_.admission.lookout().threads().wait_until_free(device::Lookout::kLimit);
}

namespace {

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
    auto plan = make_plan(setup_.admission, spec, id);
    if (!plan) return tl::unexpected(plan.error());
    for (run::DevicePlan& device : plan->devices) give_grants(*reservation, device);
    auto runs = create_runs(job, std::move(*plan), barrier);
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
    const JobPtr& job, JobPlan plan, const std::shared_ptr<run::StartBarrier>& barrier) {
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

JobService::Impl::JobPtr JobService::Impl::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](auto& job) { return job->id == id; });
  return found == jobs_.end() ? nullptr : *found;
}

Result<JobSummary> JobService::Impl::wait(const std::string& id, Nanos timeout,
                                          const std::function<bool()>& gone) const {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  {
    std::unique_lock lock(mutex_);
    const auto over = [&] { return is_final(job->state) || !accepting_ || (gone && gone()); };
    for (Nanos left = timeout; left > 0 && !over(); left -= kAskWhetherGone) {
      changed_.wait_for(lock, std::chrono::nanoseconds(std::min(left, kAskWhetherGone)), over);
    }
  }
  return summary(job);
}

// Called with the lock held. The supervisor, to be woken then, tells the devices, which takes a while.
void JobService::Impl::stop(Job& job, State becomes) {
  job.stop_state = becomes;
  job.transition(State::stopping);
  publish_state(job);
}

Result<JobSummary> JobService::Impl::cancel(const std::string& id, const access::Principal& who) {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  if (auto allowed = may_control(*job, who); !allowed) return tl::unexpected(allowed.error());
  {
    const std::lock_guard lock(mutex_);
    if (job->state == State::pending) job->cancel_requested = true;
    if (job->state == State::running || job->state == State::paused) stop(*job, State::cancelled);
  }
  wake();
  return summary(job);
}

// The answer comes when nothing is done any more, or a device has kept it waiting.
Result<JobSummary> JobService::Impl::pause(const std::string& id, const access::Principal& who) {
  auto out = pause_or_resume(id, who, State::paused);
  const JobPtr job = out ? find(id) : nullptr;
  if (!job) return out;
  std::vector<std::shared_ptr<run::DeviceRun>> runs;
  {
    const std::lock_guard lock(mutex_);
    runs = job->runs;
  }
  const auto still = [&] { return std::all_of(runs.begin(), runs.end(), [](auto& run) { return run->still(); }); };
  for (const Nanos end = util::system_clock().now() + kSettle; !still() && util::system_clock().now() < end;) {
    for (const auto& run : runs) run->wake_workers();  // who sleeps until something is due
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSettle / 200));
  }
  return summary(job);
}

Result<JobSummary> JobService::Impl::resume(const std::string& id, const access::Principal& who) {
  return pause_or_resume(id, who, State::running);
}

Result<JobSummary> JobService::Impl::pause_or_resume(const std::string& id, const access::Principal& who,
                                                     State wanted) {
  const JobPtr job = find(id);
  if (!job) return fail(Errc::not_found, fmt::format("there is no job {}", id));
  if (auto allowed = may_control(*job, who); !allowed) return tl::unexpected(allowed.error());
  {
    const std::lock_guard lock(mutex_);
    if (job->state != wanted) {
      if (!may_follow(job->state, wanted) || job->state == State::pending) {
        return util::refuse(util::Reason::not_running,
                            fmt::format("job {} is {}; only one that is RUNNING can be paused, and one that is PAUSED "
                                        "resumed",
                                        id, state_name(job->state)));
      }
      wanted == State::paused ? job->gate->close() : job->gate->open();
      job->transition(wanted);
      publish_state(*job);
    }
  }
  wake();
  return summary(job);
}

Telemetry JobService::Impl::telemetry() const {
  Telemetry out;
  out.devices = registry_.read(setup_.clock.now());
  out.departed = registry_.departed();
  const std::lock_guard lock(mutex_);
  for (const auto& job : jobs_) ++out.jobs[static_cast<std::size_t>(job->state)];
  out.finished = finished_;
  return out;
}

// The recorder comes round every second; when it has not, it is the recorder that is behind.
Nanos JobService::Impl::record_delay() {
  const Nanos silent = setup_.clock.now() - last_recording_ - kRecorderPause;
  return std::max({Nanos{0}, silent, write_behind_.delay()});
}

void JobService::Impl::begin_shutdown() {
  accepting_ = false;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

// Threads that look at devices, or close them.
bool JobService::Impl::wait_for_threads(Nanos limit) {
  device::DeviceThreads& threads = setup_.admission.lookout().threads();
  if (threads.wait_until_free(limit)) return true;
  for (const auto& [what, since] : threads.held_for(0)) {
    setup_.log.log(util::LogLevel::error,
                   fmt::format("{} keeps a thread: it has not answered for {:.1f} s; the process is gone when it does",
                               what, static_cast<double>(util::system_clock().now() - since) / 1e9),
                   {{"DEVICE", what}});
  }
  return false;
}

bool JobService::Impl::stop_all(Nanos limit) {
  const Nanos end = util::system_clock().now() + limit;
  bool all_left = stop_jobs(limit);
  all_left = wait_for_threads(std::max<Nanos>(end - util::system_clock().now(), kLeastWait)) && all_left;
  if (write_behind_.pending() > 0) write_behind_.retry();
  if (const std::size_t left = write_behind_.pending(); left > 0) {
    setup_.log.log(util::LogLevel::error, fmt::format("what became of {} jobs could not be recorded", left));
  }
  return all_left;
}

bool JobService::Impl::stop_jobs(Nanos limit) {
  begin_shutdown();
  std::unique_lock lock(mutex_);
  const auto done = [&] {
    // In every round: a job that was being submitted may begin only now.
    for (const auto& job : jobs_) {
      if (job->state == State::running || job->state == State::paused) stop(*job, State::interrupted);
    }
    return budget_.running() == 0 && changes_.empty() && !delivering_ && lingering_.empty();
  };
  wake();
  if (changed_.wait_for(lock, std::chrono::nanoseconds(limit), done)) return true;
  // Workers stuck in the kernel: the record says INTERRUPTED, the process will end without them.
  const std::deque<JobPtr> jobs = jobs_;
  const std::vector<Change> changes = changes_;  // of jobs that did end; the recorder may be stuck, too
  lock.unlock();
  for (const auto& change : changes) {
    if (change.record) write_behind_.put(record_of(*change.record));
  }
  for (const auto& job : jobs) {
    JobView shown = view(job);
    if (is_final(shown.head.state)) continue;
    shown.head.state = State::interrupted;
    shown.head.reason = "the daemon was stopped while a device did not answer";
    shown.head.ended_at = std::chrono::system_clock::now();
    write_behind_.put(record_of(shown));
  }
  return false;
}

}  // namespace spliced::job
