// SPDX-License-Identifier: Apache-2.0
#include "service_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace spliced::job {

using util::Errc;
using util::fail;
using util::Nanos;
using util::Result;

namespace {

constexpr Nanos kRecorderPause = util::kSecond;        // between two rounds of the recorder with nothing to do
constexpr Nanos kLeastWait = util::kSecond / 10;       // for threads that have nothing to do but to give something back
constexpr Nanos kSettle = util::kSecond;               // for what is under way when a job is paused
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
