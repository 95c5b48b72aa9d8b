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
  checkpoints_.insert_or_assign({job, device}, std::move(checkpoint));
}

bool Journal::has_checkpoints() {
  const std::lock_guard lock(mutex_);
  return !checkpoints_.empty();
}

std::optional<WallTime> Journal::checkpoints_wait_since() const {
  const Nanos since = cursors_wait_since_;
  if (since == 0) return std::nullopt;
  return util::to_wall_time(since, setup_.clock.now());
}

void Journal::settle(const std::string& job, std::size_t device) {
  const DeviceKey key{job, device};
  std::unique_lock lock(mutex_);
  if (cursors_wait_since_ != 0) return;
  urgent_ = true;
  changed_.notify_all();
  (void)changed_.wait_for(lock, std::chrono::nanoseconds(kSettle),
                          [&] { return !checkpoints_.contains(key) && !committing_.contains(key); });
}

store::StoredCheckpoint Journal::stored_form_of(const DeviceKey& key, const run::Checkpoint& checkpoint) {
  store::StoredCheckpoint out{
      key.first, key.second, checkpoint.stage, checkpoint.at, setup_.form.write_counts(checkpoint), {}, {}};
  for (int stream = 0; const workload::Cursor& cursor : checkpoint.cursors) {
    out.cursors.push_back({key.first,
                           key.second,
                           {static_cast<int>(checkpoint.stage), stream++},
                           cursor.position,
                           cursor.watermark,
                           workload::pack(cursor),
                           checkpoint.active,
                           checkpoint.at});
  }
  return out;
}

// What the store does not take waits for the next round, unless something newer does. The figures of a stage that has
// ended go with the first checkpoint after it.
void Journal::commit_checkpoints() {
  figures_.commit(setup_.store);  // first: of a stage that has ended there is nothing else
  const std::lock_guard one_at_a_time(commit_mutex_);
  std::unique_lock lock(mutex_);
  urgent_ = false;
  auto taken = std::exchange(checkpoints_, {});
  const auto shown = shown_;
  for (const auto& [key, checkpoint] : taken) committing_.insert(key);
  lock.unlock();
  std::vector<store::StoredCheckpoint> rows;
  for (const auto& [key, checkpoint] : taken) {
    store::StoredCheckpoint& row = rows.emplace_back(stored_form_of(key, checkpoint));
    const auto known = shown.find(key);
    if (checkpoint.stage == (known == shown.end() ? 0 : known->second)) continue;
    const JobPtr job = table_.find(key.first);
    const JobView view = job ? job->view() : JobView{};
    if (view.device && key.second < view.devices) row.shown = setup_.form.write_device(view.device(key.second));
  }
  const auto status = rows.empty() ? util::Status() : setup_.store.put_checkpoints(rows);
  lock.lock();
  committing_.clear();
  changed_.notify_all();
  if (status) {
    for (const auto& [key, checkpoint] : taken) shown_[key] = checkpoint.stage;
    cursors_wait_since_ = 0;
    return;
  }
  checkpoints_.merge(taken);
  if (cursors_wait_since_ != 0) return;
  cursors_wait_since_ = setup_.clock.now();
  lock.unlock();
  setup_.log.log(util::LogLevel::error,
                 fmt::format("{}; a crash sets running jobs back to what is stored", status.error().message),
                 {{util::kMessageIdKey, std::string(util::message::kNotRecorded)}});
}

void Journal::note(store::StoredFigures figures) {
  const auto noted = figures_.note(std::move(figures));
  if (noted == PendingFigures::Noted::some) return;
  {
    const std::lock_guard lock(mutex_);
    urgent_ = true;
    changed_.notify_all();
  }
  if (noted != PendingFigures::Noted::lost || lost_figures_.exchange(true)) return;
  setup_.log.log(util::LogLevel::error,
                 "the state directory does not take what devices come to: some results will have no bands, histograms "
                 "and points",
                 {{util::kMessageIdKey, std::string(util::message::kNotRecorded)}});
}

// Those with which nothing else is recorded.
void Journal::commit_events() {
  if (loose_.empty()) return;
  if (setup_.store.put_events(loose_)) return loose_.clear();
  const std::size_t surplus = loose_.size() - std::min(loose_.size(), kLooseEvents);
  loose_.erase(loose_.begin(), loose_.begin() + static_cast<std::ptrdiff_t>(surplus));
}

// Called with the lock held.
void Journal::forget_checkpoints(const std::string& job) {
  const auto is_of_it = [&](auto& one) { return one.first.first == job; };
  std::erase_if(checkpoints_, is_of_it);
  std::erase_if(shown_, is_of_it);
}

void Journal::put(store::StoredJob record) {
  if (record.done) figures_.commit(setup_.store);
  {
    const std::lock_guard lock(mutex_);
    // Of a job that nobody will go on with.
    if (record.done) forget_checkpoints(record.id);
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
      commit_checkpoints();
      return commit_events();
    }
    const bool at_once = urgent_;
    std::vector<Change> changes = std::exchange(changes_, {});
    const std::vector<std::string> forgotten = std::exchange(forgotten_, {});
    delivering_ = true;
    lock.unlock();
    deliver(std::move(changes), forgotten);
    if (at_once) commit_checkpoints();
    if (std::chrono::steady_clock::now() >= next_try) {
      if (write_behind_.pending() > 0) write_behind_.retry();
      commit_checkpoints();
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
    if (change.silent) {
      change.ended ? record_left(change.ended, *change.record) : put(record_of(*change.record));
      continue;
    }
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
      forget_checkpoints(id);
      figures_.forget(id);
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
  record.done = true;
  job->replace_runs(std::move(kept), listing_of(record, end.head.interruptions));
  put(std::move(record));
  recent_.keep(job, bytes);
}

// Likewise, of one that the next daemon goes on with.
void Journal::record_left(const JobPtr& job, const JobView& left) {
  JobView kept = view_of(whole(left).value());
  store::StoredJob record = record_of(kept);
  put(record);
  job->replace_runs(std::move(kept), listing_of(record, left.head.interruptions));
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

store::DeviceSource results_of(const JobView& view, const RecordForm& form) {
  return [write = form.write_device, view]() -> store::DeviceSequence {
    return [write, view, at = std::size_t{0}]() mutable -> std::optional<store::StoredDevice> {
      if (at == view.devices) return std::nullopt;
      return write(view.device(at++));
    };
  };
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
  record.history = setup_.form.write_history(view.head.interruptions);
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
  record.results = results_of(view, setup_.form);
  record.saved_at = std::chrono::system_clock::now();
  return record;
}

store::StoredJob Journal::new_record_of(const JobView& view) const {
  store::StoredJob record = record_of(view);
  record.spec = setup_.form.write_spec(view.head.spec);
  return record;
}

}  // namespace spliced::job
