// The thread that watches over all jobs: it sees devices end, stall and stop, and never waits for a disk.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "service_impl.h"
#include "spliced/util/threads.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr auto kRound = std::chrono::milliseconds(50);
constexpr auto kRecorderRound = std::chrono::seconds(1);

}  // namespace

void JobService::Impl::wake() {
  {
    const std::lock_guard lock(wake_mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void JobService::Impl::supervise(const std::stop_token& stop) {
  util::name_this_thread("supervisor");
  util::prefer_this_thread();
  while (!stop.stop_requested()) {
    round();
    std::unique_lock lock(wake_mutex_);
    wake_.wait_for(lock, kRound, [&] { return woken_ || stop.stop_requested(); });
    woken_ = false;
  }
}

void JobService::Impl::round() {
  const Nanos now = setup_.clock.now();
  last_round_ = now;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_) {
      if (!is_final(job->state) && job->state != State::pending) visit(*job, now);
    }
    visit_lingering(now);
    forget_oldest();
  }
}

void JobService::Impl::visit(Job& job, Nanos now) {
  for (const auto& run : job.runs) {
    run->check_stall(now);
    run->sample(now);
    // A wake-up that comes just before a worker enters its system call is lost, hence in every round.
    if (job.state == State::stopping || run->failed()) run->wake_workers();
  }
  if (job.all_ended()) finalize(job, now);
}

void JobService::Impl::finalize(Job& job, Nanos now) {
  std::vector<State> states;
  for (const auto& run : job.runs) {
    states.push_back(run->outcome(job.stop_state));
    job.ended_devices.push_back(run->snapshot(now, states.back()));
    if (run->finished()) {
      ledger_.settle(run, states.back() == State::failed, now);
    } else {
      lingering_.push_back(run);
    }
  }
  give_back(job.reservation);
  job.runs.clear();
  job.ended_at = std::chrono::system_clock::now();
  job.conclude(states);
  ++finished_[static_cast<std::size_t>(job.state)][static_cast<std::size_t>(job.verdict)];
  announce(job);
}

void JobService::Impl::visit_lingering(Nanos now) {
  std::erase_if(lingering_, [&](const auto& run) {
    if (!run->finished()) {
      run->wake_workers();
      return false;
    }
    ledger_.settle(run, true, now);
    changed_.notify_all();
    return true;
  });
}

void JobService::Impl::forget_oldest() {
  std::size_t ended = 0;
  for (const auto& job : jobs_) ended += is_final(job->state) ? 1 : 0;
  while (ended > setup_.limits.kept_jobs) {
    const auto oldest = std::find_if(jobs_.begin(), jobs_.end(), [](auto& job) { return is_final(job->state); });
    forgotten_.push_back((*oldest)->id);
    jobs_.erase(oldest);
    changed_.notify_all();
    --ended;
  }
}

// Called with the lock held, which puts the records of a job in order: a job may end before its submitter sees it run.
void JobService::Impl::announce(const Job& job) {
  Change change{{job.id, job.spec.name, job.state, job.verdict, workload::destroys(job.spec.workload.rw)}, {}, {}};
  if (job.state != State::stopping) change.record = record_of(with_devices(job.header(), job.runs));
  change.log_line = fmt::format("job {} ({}): {}{}", job.id, job.name_for_log(), state_name(job.state),
                                job.reason.empty() ? "" : ": " + job.reason);
  changes_.push_back(std::move(change));
  changed_.notify_all();
}

// A thread of its own: neither a slow state directory nor a slow reader of the log holds up the supervisor.
void JobService::Impl::record_changes(const std::stop_token& stop) {
  util::name_this_thread("recorder");
  util::prefer_this_thread();
  std::unique_lock lock(mutex_);
  Nanos last_checkpoint = setup_.clock.now();
  auto next_try = std::chrono::steady_clock::now();
  std::deque<JobPtr> due;  // one in each round, so that changes do not wait for all of them
  for (;;) {
    changed_.wait_for(lock, stop, kRecorderRound, [&] { return has_to_record() || !due.empty(); });
    last_recording_ = setup_.clock.now();
    if (stop.stop_requested() && !has_to_record()) return;
    const std::vector<Change> changes = std::exchange(changes_, {});
    const std::vector<std::string> forgotten = std::exchange(forgotten_, {});
    delivering_ = true;
    lock.unlock();
    deliver(changes, forgotten);
    if (std::chrono::steady_clock::now() >= next_try) {
      if (keeper_.left() > 0) keeper_.retry();
      next_try = std::chrono::steady_clock::now() + kRecorderRound;
    }
    lock.lock();
    delivering_ = false;
    changed_.notify_all();
    if (const Nanos now = setup_.clock.now(); now - last_checkpoint >= setup_.limits.checkpoint) {
      last_checkpoint = now;
      due = running_jobs();
    }
    if (!accepting_) due.clear();  // what becomes of them is more urgent
    if (due.empty()) continue;
    lock.unlock();
    checkpoint(due.front());
    due.pop_front();
    lock.lock();
  }
}

void JobService::Impl::deliver(const std::vector<Change>& changes, const std::vector<std::string>& forgotten) {
  for (const auto& [change, record, log_line] : changes) {
    if (record) keeper_.put(*record);
    setup_.log.log(util::LogLevel::notice, log_line,
                   {{"JOB_ID", change.job_id}, {"STATE", std::string(state_name(change.state))}});
    if (listener_) listener_(change);
  }
  for (const auto& id : forgotten) (void)keeper_.erase(id);
}

// Called with the lock held.
std::deque<JobService::Impl::JobPtr> JobService::Impl::running_jobs() const {
  std::deque<JobPtr> out;
  for (const auto& job : jobs_) {
    if (!is_final(job->state) && job->state != State::pending) out.push_back(job);
  }
  return out;
}

// So that what a running job has done is known after a crash, too. If it ends meanwhile, that is among the changes
// until this is over: only then is it recorded, and can the job be forgotten.
void JobService::Impl::checkpoint(const JobPtr& job) {
  const JobSnapshot snapshot = show(job);
  if (!is_final(snapshot.state)) keeper_.put(record_of(snapshot));
}

}  // namespace spliced::job
