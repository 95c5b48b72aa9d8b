// SPDX-License-Identifier: Apache-2.0
// The thread that watches over all jobs: it sees devices end, stall and stop, and never waits for a disk.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "service_impl.h"
#include "spliced/util/message_id.h"
#include "spliced/util/threads.h"
#include "verdict.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr auto kRound = std::chrono::milliseconds(50);
constexpr Nanos kSweepInterval = 60 * util::kSecond;
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
  util::raise_priority();
  while (!stop.stop_requested()) {
    tick();
    std::unique_lock lock(wake_mutex_);
    wake_.wait_for(lock, kRound, [&] { return woken_ || stop.stop_requested(); });
    woken_ = false;
  }
}

// Looking at four thousand workers takes a while as well: the lock is held for taking down whom to look at.
void JobService::Impl::tick() {
  const Nanos now = setup_.clock.now();
  last_tick_ = now;
  if (const Nanos pause = pauses_.tick(now); pause != 0) {
    setup_.log.log(
        util::LogLevel::warning,
        fmt::format("the daemon did not run for {:.1f} s: deadlines are moved, and what spans that time is in "
                    "no latency",
                    static_cast<double>(pause) / 1e9));
  }
  std::vector<Watched> watched;
  std::vector<JobPtr> forgotten;  // freed without the lock
  {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_) {
      if (!is_final(job->state) && job->state != State::pending)
        watched.push_back({job, job->runs, job->state, job->spec.criteria});
    }
    forgotten = forget_oldest();
  }
  forgotten.clear();
  for (const Watched& job : watched) {
    if (poll_job(job, now)) finalize(job, now);
  }
  poll_lingering(now);
  sweep_registry(now);
}

// Names in sysfs are all that is looked at: a path could hang.
void JobService::Impl::sweep_registry(Nanos now) {
  if (now - last_sweep_ < kSweepInterval) return;
  last_sweep_ = now;
  const auto present = setup_.admission.block_names();
  registry_.sweep(now, {present.begin(), present.end()});
}

// Whether the job is over.
bool JobService::Impl::poll_job(const Watched& job, Nanos now) {
  for (const auto& run : job.runs) {
    run->check_stall(now);
    run->sample(now);
    if (job.state == State::stopping) run->request_stop();
    // A wake-up that comes just before a worker enters its system call is lost, hence in every round.
    if (job.state == State::stopping || run->failed()) run->wake_workers();
  }
  return std::all_of(job.runs.begin(), job.runs.end(), [](auto& run) { return run->finished() || run->stalled(); });
}

// Adding up what a thousand devices did takes a while: under the lock it is only decided what became of the job. Its
// figures are made by the recorder.
void JobService::Impl::finalize(const Watched& over, Nanos now) {
  std::vector<std::shared_ptr<run::DeviceRun>> stuck;
  std::vector<DeviceEnd> ends;
  const WallTime ended = std::chrono::system_clock::now();
  for (const auto& run : over.runs) {
    if (run->finished()) {
      registry_.add_ended(run, run->failed(), now);
    } else {
      stuck.push_back(run);
    }
    ends.push_back(end_of(*run, over.criteria));
    registry_.conclude(run->facts().name, ends.back().verdict, ended);
  }
  const std::lock_guard lock(mutex_);
  Job& job = *over.job;
  for (DeviceEnd& end : ends) {
    if (end.state == State::stopping) end.state = job.stop_state;
    job.outcomes.push_back(end.state);
  }
  lingering_.insert(lingering_.end(), stuck.begin(), stuck.end());
  budget_.give_back(job.reservation);
  job.ended_now = now;
  job.ended_at = ended;
  job.conclude(ends);
  ++finished_[static_cast<std::size_t>(job.state)][static_cast<std::size_t>(job.verdict)];
  publish_state(job);
  changes_.back().ended = over.job;
}

void JobService::Impl::poll_lingering(Nanos now) {
  std::vector<std::shared_ptr<run::DeviceRun>> back;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& run : lingering_) {
      run->wake_workers();
      if (run->finished()) back.push_back(run);
    }
  }
  for (const auto& run : back) registry_.add_ended(run, true, now);
  if (back.empty()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(lingering_, [&](const auto& run) { return std::find(back.begin(), back.end(), run) != back.end(); });
  changed_.notify_all();
}

std::vector<JobService::Impl::JobPtr> JobService::Impl::forget_oldest() {
  std::vector<JobPtr> out;
  std::size_t ended = 0;
  for (const auto& job : jobs_) ended += is_final(job->state) ? 1 : 0;
  while (ended > setup_.limits.kept_jobs) {
    const auto oldest = std::find_if(jobs_.begin(), jobs_.end(), [](auto& job) { return is_final(job->state); });
    forgotten_.push_back((*oldest)->id);
    drop_recent(*oldest);
    out.push_back(std::move(*oldest));
    jobs_.erase(oldest);
    changed_.notify_all();
    --ended;
  }
  return out;
}

// Called with the lock held, which puts the records of a job in order: a job may end before its submitter sees it run.
void JobService::Impl::publish_state(const Job& job) {
  Change change{{job.id, job.spec.name, job.state, job.verdict, destroys(job.spec)}, {}, {}, {}};
  if (job.state != State::stopping) change.record = view_of_locked(job);
  change.log_line = fmt::format("job {} ({}): {}{}", job.id, job.name_for_log(), state_name(job.state),
                                job.reason.empty() ? "" : ": " + job.reason);
  changes_.push_back(std::move(change));
  changed_.notify_all();
}

// A thread of its own: neither a slow state directory nor a slow reader of the log holds up the supervisor.
void JobService::Impl::record_changes(const std::stop_token& stop) {
  util::name_this_thread("recorder");
  util::raise_priority();
  std::unique_lock lock(mutex_);
  Nanos last_checkpoint = setup_.clock.now();
  auto next_try = std::chrono::steady_clock::now();
  std::deque<JobPtr> due;  // one in each round, so that changes do not wait for all of them
  for (;;) {
    changed_.wait_for(lock, stop, kRecorderRound, [&] { return has_to_record() || !due.empty(); });
    last_recording_ = setup_.clock.now();
    if (stop.stop_requested() && !has_to_record()) return;
    std::vector<Change> changes = std::exchange(changes_, {});
    const std::vector<std::string> forgotten = std::exchange(forgotten_, {});
    delivering_ = true;
    lock.unlock();
    deliver(std::move(changes), forgotten);
    if (std::chrono::steady_clock::now() >= next_try) {
      if (write_behind_.pending() > 0) write_behind_.retry();
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

void JobService::Impl::deliver(std::vector<Change> changes, const std::vector<std::string>& forgotten) {
  for (auto& [change, record, log_line, ended] : changes) {
    if (ended) {
      record_end(ended, *record);
    } else if (record) {
      write_behind_.put(record_of(*record));
    }
    record.reset();  // it holds on to the job's workers
    setup_.log.log(util::LogLevel::notice, log_line,
                   {{util::kMessageIdKey, std::string(util::message::kJobState)},
                    {"JOB_ID", change.job_id},
                    {"STATE", std::string(state_name(change.state))}});
    if (listener_) listener_(change);
  }
  for (const auto& id : forgotten) (void)write_behind_.erase(id);
  if (!forgotten.empty() && forgotten_listener_) forgotten_listener_(forgotten);
}

// The last figures of a job replace its workers, who have memory, before the state directory is waited for.
void JobService::Impl::record_end(const JobPtr& job, const JobView& end) {
  JobSnapshot snapshot = end.head;
  for (std::size_t i = 0; i < end.devices; ++i) snapshot.devices.push_back(end.device(i));
  const std::size_t bytes = memory_of(snapshot, snapshot.devices);
  JobView whole = view_of(std::move(snapshot));
  const store::StoredJob record = record_of(whole);
  auto listing = std::make_shared<const Listing>(listing_of(record));
  std::vector<std::shared_ptr<run::DeviceRun>> runs;
  JobSpec spec;
  spec.name = end.head.spec.name;
  {
    const std::lock_guard lock(mutex_);
    job->whole = std::move(whole);
    job->listing = std::move(listing);
    std::swap(job->runs, runs);
    std::swap(job->spec, spec);
  }
  runs.clear();  // without the lock: it joins
  write_behind_.put(record);
  keep_recent(job, bytes);
}

// Those that ended last are answered from memory. The oldest give way; their documents are in the store.
void JobService::Impl::keep_recent(const JobPtr& job, std::size_t bytes) {
  std::vector<std::optional<JobView>> gone;  // freed without the lock
  const std::lock_guard lock(mutex_);
  if (std::find(jobs_.begin(), jobs_.end(), job) == jobs_.end()) return;  // forgotten meanwhile
  recent_.emplace_back(job, bytes);
  recent_bytes_ += bytes;
  while (recent_bytes_ > setup_.limits.recent_bytes) {
    gone.push_back(std::exchange(recent_.front().first->whole, std::nullopt));
    recent_bytes_ -= recent_.front().second;
    recent_.pop_front();
  }
}

// Called with the lock held, by whoever forgets the job: those that can be asked for have the room.
void JobService::Impl::drop_recent(const JobPtr& job) {
  const auto found = std::find_if(recent_.begin(), recent_.end(), [&](const auto& one) { return one.first == job; });
  if (found == recent_.end()) return;
  recent_bytes_ -= found->second;
  recent_.erase(found);
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
  const JobView shown = view(job);
  if (!is_final(shown.head.state)) write_behind_.put(record_of(shown));
}

}  // namespace spliced::job
