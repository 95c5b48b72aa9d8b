// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <algorithm>
#include <utility>

#include "listing.h"
#include "spliced/util/message_id.h"
#include "spliced/util/threads.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr Nanos kJournalRound =
    util::kSecond;  // with nothing to do; and between two tries of what the store did not take

}  // namespace

Journal::Journal(Setup setup, const JobTable& table, RecentJobs& recent, const Listeners& listeners)
    : setup_(std::move(setup)),
      table_(table),
      recent_(recent),
      listeners_(listeners),
      write_behind_(setup_.store, setup_.log),
      last_round_(setup_.clock.now()),
      thread_([this](const std::stop_token& stop) { run(stop); }),
      acceptance_(setup_.store, [this](const std::string& id) { withdraw(id); }) {}

// At once, before another job is accepted; later only when that fails.
void Journal::withdraw(const std::string& id) {
  if (!setup_.store.erase(id)) (void)write_behind_.erase(id);
}

void Journal::note(Change change) {
  const std::lock_guard lock(mutex_);
  changes_.push_back(std::move(change));
  changed_.notify_all();
}

void Journal::forget(std::vector<std::string> ids) {
  const std::lock_guard lock(mutex_);
  forgotten_.insert(forgotten_.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
  changed_.notify_all();
}

void Journal::put(const store::StoredJob& record) {
  write_behind_.put(record);
}

bool Journal::wait_until_delivered(Nanos limit) {
  std::unique_lock lock(mutex_);
  const auto delivered = [this] { return !has_work() && !delivering_; };
  return changed_.wait_for(lock, std::chrono::nanoseconds(limit), delivered);
}

void Journal::put_undelivered() {
  std::unique_lock lock(mutex_);
  const std::vector<Change> changes = changes_;
  lock.unlock();
  for (const Change& change : changes) {
    if (change.record) put(*change.record);
  }
}

void Journal::shut_down() {
  shutting_down_ = true;
}

void Journal::stop() {
  acceptance_.stop();
  thread_.request_stop();
  thread_.join();
}

// It comes round every second; when it has not, it is this thread that is behind.
Nanos Journal::delay() {
  const Nanos silent = setup_.clock.now() - last_round_ - kJournalRound;
  return std::max({Nanos{0}, silent, write_behind_.delay()});
}

void Journal::run(const std::stop_token& stop) {
  util::name_this_thread("journal");
  util::raise_priority();
  std::unique_lock lock(mutex_);
  Nanos last_checkpoint = setup_.clock.now();
  auto next_try = std::chrono::steady_clock::now();
  std::deque<JobPtr> due;  // one in each round, so that changes do not wait for all of them
  for (;;) {
    changed_.wait_for(lock, stop, std::chrono::nanoseconds(kJournalRound), [&] { return has_work() || !due.empty(); });
    last_round_ = setup_.clock.now();
    if (stop.stop_requested() && !has_work()) return;
    std::vector<Change> changes = std::exchange(changes_, {});
    const std::vector<std::string> forgotten = std::exchange(forgotten_, {});
    delivering_ = true;
    lock.unlock();
    deliver(std::move(changes), forgotten);
    if (std::chrono::steady_clock::now() >= next_try) {
      if (write_behind_.pending() > 0) write_behind_.retry();
      next_try = std::chrono::steady_clock::now() + std::chrono::nanoseconds(kJournalRound);
    }
    lock.lock();
    delivering_ = false;
    changed_.notify_all();
    lock.unlock();
    if (const Nanos now = setup_.clock.now(); now - last_checkpoint >= setup_.checkpoint) {
      last_checkpoint = now;
      due = running_jobs();
    }
    if (shutting_down_) due.clear();
    if (!due.empty()) {
      checkpoint(due.front());
      due.pop_front();
    }
    lock.lock();
  }
}

void Journal::deliver(std::vector<Change> changes, const std::vector<std::string>& forgotten) {
  for (auto& [change, record, log_line, ended] : changes) {
    if (ended) {
      record_end(ended, *record);
    } else if (record) {
      put(*record);
    }
    record.reset();  // it holds on to the job's workers
    setup_.log.log(util::LogLevel::notice, log_line,
                   {{util::kMessageIdKey, std::string(util::message::kJobState)},
                    {"JOB_ID", change.job_id},
                    {"STATE", std::string(state_name(change.state))}});
    if (listeners_.changed) listeners_.changed(change);
  }
  if (!forgotten.empty() && listeners_.forgotten) listeners_.forgotten(forgotten);
  for (const auto& id : forgotten) (void)write_behind_.erase(id);
}

// The last figures of a job replace its workers, who have memory, before the state directory is waited for.
void Journal::record_end(const JobPtr& job, const JobView& end) {
  JobSnapshot snapshot = end.head;
  for (std::size_t i = 0; i < end.devices; ++i) snapshot.devices.push_back(end.device(i));
  const std::size_t bytes = memory_of(snapshot, snapshot.devices);
  JobView whole = view_of(std::move(snapshot));
  const store::StoredJob record = record_of(whole);
  job->replace_runs(std::move(whole), listing_of(record));
  put(record);
  recent_.keep(job, bytes);
}

std::deque<JobPtr> Journal::running_jobs() const {
  std::deque<JobPtr> out;
  for (const JobPtr& job : table_.active()) {
    if (job->state() != State::pending) out.push_back(job);
  }
  return out;
}

// So that what a running job has done is known after a crash, too. If it ends meanwhile, that is among the changes
// until this is over: only then is it recorded, and can the job be forgotten.
void Journal::checkpoint(const JobPtr& job) {
  const JobView shown = job->view();
  if (!is_final(shown.head.state)) put(shown);
}

store::StoredJob Journal::record_of(const JobView& view) const {
  store::StoredJob record;
  record.id = view.head.id;
  record.sequence = view.head.sequence;
  record.name = view.head.spec.name;
  record.state = state_name(view.head.state);
  record.verdict = kVerdictNames[static_cast<std::size_t>(view.head.verdict)];
  record.reason = view.head.reason;
  record.created_at = view.head.created_at;
  record.created_by = view.head.created_by;
  record.started_at = view.head.started_at;
  record.ended_at = view.head.ended_at;
  record.targets = listed(view.head.spec.targets);
  record.target_count = view.head.spec.targets.size();
  record.destructive = view.head.spec.destructive;
  double progress = 0;
  std::uint64_t errors = 0;
  for (std::size_t i = 0; i < view.devices; ++i) {
    const DeviceSnapshot device = view.device(i);
    record.devices.push_back(device.facts.name);
    progress += device.progress / static_cast<double>(view.devices);
    errors += errors_of(device);
  }
  record.progress = std::min(progress, 1.0);
  record.errors = errors;
  record.document = [form = setup_.document, view] { return form(view); };
  record.saved_at = std::chrono::system_clock::now();
  return record;
}

}  // namespace spliced::job
