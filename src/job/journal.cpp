// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "listing.h"
#include "spliced/util/message_id.h"
#include "spliced/util/threads.h"

namespace spliced::job {

using util::Nanos;

namespace {

constexpr Nanos kJournalRound =
    util::kSecond;  // with nothing to do; and between two tries of what the store did not take

constexpr std::size_t kLooseEvents = 10'000;  // that a store which cannot be written leaves to be tried again

}  // namespace

Journal::Journal(Setup setup, const JobTable& table, RecentJobs& recent, EventLog& events)
    : setup_(std::move(setup)),
      table_(table),
      recent_(recent),
      events_(events),
      write_behind_(setup_.store, setup_.log),
      last_round_(setup_.clock.now()),
      thread_([this](const std::stop_token& stop) { run(stop); }),
      acceptance_(setup_.store, [this](const std::string& id) { withdraw(id); }) {}

// At once, before another job is accepted; later only when that fails.
void Journal::withdraw(const std::string& id) {
  if (!setup_.store.erase(id, store::Erased::withdrawn)) (void)write_behind_.erase(id, store::Erased::withdrawn);
}

util::Status Journal::accept(const JobView& job, std::optional<store::StoredKey> key) {
  store::StoredJob record = new_record_of(job);
  record.key = std::move(key);
  return acceptance_.put(std::move(record));
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

void Journal::note(const std::string& job, std::size_t device, run::Checkpoint checkpoint) {
  const std::lock_guard lock(mutex_);
  cursors_.insert_or_assign({job, device}, std::move(checkpoint));
}

// What the store does not take waits for the next round, unless something newer does.
void Journal::commit_cursors() {
  std::unique_lock lock(mutex_);
  auto taken = std::exchange(cursors_, {});
  lock.unlock();
  std::vector<store::StoredCursor> rows;
  for (const auto& [key, checkpoint] : taken) {
    for (int stream = 0; const workload::Cursor& cursor : checkpoint.cursors) {
      rows.push_back({key.first,
                      key.second,
                      {static_cast<int>(checkpoint.stage), stream++},
                      cursor.position,
                      cursor.watermark,
                      workload::pack(cursor),
                      checkpoint.active,
                      checkpoint.at});
    }
  }
  const auto status = rows.empty() ? util::Status() : setup_.store.put_cursors(rows);
  lock.lock();
  if (status) {
    cursors_wait_since_ = 0;
    return;
  }
  cursors_.merge(taken);
  if (cursors_wait_since_ != 0) return;
  cursors_wait_since_ = setup_.clock.now();
  lock.unlock();
  setup_.log.log(util::LogLevel::error,
                 fmt::format("{}; a crash sets running jobs back to what is stored", status.error().message),
                 {{util::kMessageIdKey, std::string(util::message::kNotRecorded)}});
}

// Those with which nothing else is recorded.
void Journal::commit_events() {
  if (loose_.empty()) return;
  if (setup_.store.put_events(loose_)) return loose_.clear();
  const std::size_t surplus = loose_.size() - std::min(loose_.size(), kLooseEvents);
  loose_.erase(loose_.begin(), loose_.begin() + static_cast<std::ptrdiff_t>(surplus));
}

void Journal::put(store::StoredJob record) {
  {
    const std::lock_guard lock(mutex_);
    // Of a job that nobody will go on with.
    if (record.done) std::erase_if(cursors_, [&](auto& one) { return one.first.first == record.id; });
    if (auto events = unstored_.extract(record.id)) {
      record.events.insert(record.events.begin(), events.mapped().begin(), events.mapped().end());
    }
  }
  write_behind_.put(record);
}

void Journal::put_end(const JobView& job) {
  store::StoredJob record = record_of(job);
  const JobSnapshot& head = job.head;
  record.events = {EventLog::row_of(events_.make(EventKind::state, head.id, head.state, head.verdict, head.reason))};
  put(std::move(record));
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
    if (change.record) put_end(*change.record);
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
  const Nanos now = setup_.clock.now();
  const Nanos silent = now - last_round_ - kJournalRound;
  const Nanos since = cursors_wait_since_;
  return std::max({Nanos{0}, silent, since == 0 ? 0 : now - since, write_behind_.delay()});
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
    if (stop.stop_requested() && !has_work()) {
      lock.unlock();
      return commit_events();
    }
    std::vector<Change> changes = std::exchange(changes_, {});
    const std::vector<std::string> forgotten = std::exchange(forgotten_, {});
    delivering_ = true;
    lock.unlock();
    deliver(std::move(changes), forgotten);
    if (std::chrono::steady_clock::now() >= next_try) {
      if (write_behind_.pending() > 0) write_behind_.retry();
      commit_cursors();
      commit_events();
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

// An event is stored with what it tells of; a state of which nothing is recorded waits for the next record of its job,
// all others for commit_events().
void Journal::deliver(std::vector<Change> changes, const std::vector<std::string>& forgotten) {
  for (Change& change : changes) {
    Event event = events_.make(change.kind, change.job, change.state, change.verdict, change.reason);
    event.place = std::move(change.place);
    if (is_of_state(change.kind) || change.record) {
      const std::lock_guard lock(mutex_);
      unstored_[change.job].push_back(EventLog::row_of(event));
    } else {
      loose_.push_back(EventLog::row_of(event));
    }
    if (change.ended) {
      record_end(change.ended, *change.record);
      commit_events();
    } else if (change.record) {
      put(record_of(*change.record));
    }
    change.record.reset();  // it holds on to the job's workers
    if (!change.log_line.empty()) {
      setup_.log.log(util::LogLevel::notice, change.log_line,
                     {{util::kMessageIdKey, std::string(util::message::kJobState)},
                      {"JOB_ID", change.job},
                      {"STATE", std::string(state_name(change.state))}});
    }
    events_.publish(event);
  }
  for (const auto& id : forgotten) {
    events_.publish(events_.make(EventKind::forgotten, id, State::pending, Verdict::none, ""));
  }
  for (const auto& id : forgotten) {
    {
      const std::lock_guard lock(mutex_);
      unstored_.erase(id);
      std::erase_if(cursors_, [&](auto& one) { return one.first.first == id; });
    }
    (void)write_behind_.erase(id);
  }
}

// The last figures of a job replace its workers, who have memory, before the state directory is waited for.
void Journal::record_end(const JobPtr& job, const JobView& end) {
  JobSnapshot snapshot = whole(end).value();
  const std::size_t bytes = memory_of(snapshot, snapshot.devices);
  JobView kept = view_of(std::move(snapshot));
  store::StoredJob record = new_record_of(kept);  // complete, should the store not take it for long
  record.done = kept.head.state != State::interrupted;
  job->replace_runs(std::move(kept), listing_of(record));
  put(std::move(record));
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
  if (!is_final(shown.head.state)) put(record_of(shown));
}

store::StoredJob Journal::record_of(const JobView& view) const {
  store::StoredJob record;
  record.id = view.head.id;
  record.sequence = view.head.sequence;
  record.run_id = view.head.run_id;
  record.name = view.head.spec.name;
  record.state = state_name(view.head.state);
  record.verdict = kVerdictNames[static_cast<std::size_t>(view.head.verdict)];
  record.reason = view.head.reason;
  record.created_at = view.head.created_at;
  record.created_by = view.head.created_by;
  record.started_at = view.head.started_at;
  record.ended_at = view.head.ended_at;
  record.elapsed = view.head.elapsed;
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
  record.results = [write = setup_.form.write_device, view]() -> store::DeviceSequence {
    return [write, view, at = std::size_t{0}]() mutable -> std::optional<store::StoredDevice> {
      if (at == view.devices) return std::nullopt;
      return write(view.device(at++));
    };
  };
  record.saved_at = std::chrono::system_clock::now();
  return record;
}

store::StoredJob Journal::new_record_of(const JobView& view) const {
  store::StoredJob record = record_of(view);
  record.spec = setup_.form.write_spec(view.head.spec);
  return record;
}

util::Result<JobView> Journal::read(JobView view) {
  const auto record = write_behind_.record(view.head.id);
  try {
    if (const auto spec = record->spec()) {
      std::string name = std::move(view.head.spec.name);
      view.head.spec = setup_.form.read_spec(*spec);
      view.head.spec.name = std::move(name);
      view.device = [record, read = setup_.form.read_device](std::size_t i) { return read(record->device(i)); };
    } else {
      view = setup_.form.read_document([record] { return record->document(); }, std::move(view));
    }
  } catch (const std::exception& error) {
    return util::fail(util::Errc::unavailable, error.what());
  }
  view.device = [device = std::move(view.device), job = view.head.state](std::size_t i) {
    DeviceSnapshot out = device(i);
    run::settle(out, job);
    return out;
  };
  return view;
}

}  // namespace spliced::job
