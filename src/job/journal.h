// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "event_log.h"
#include "job_table.h"
#include "pending_figures.h"
#include "recent_jobs.h"
#include "run/checkpoint.h"
#include "spliced/job/service.h"
#include "store/acceptance.h"
#include "store/write_behind.h"

namespace spliced::job {

// The devices of a job, as they are written down, one after the other.
[[nodiscard]] store::DeviceSource results_of(const JobView& view, const RecordForm& form);

// What is written down of jobs: changes in their order, what running ones have done now and then, in the store and in
// the log. On a thread of its own: neither a slow state directory nor a slow reader of the log holds up anybody else.
// Thread-safe.
class Journal {
 public:
  struct Setup {
    util::Clock& clock;
    util::Logger& log;
    store::JobStore& store;
    RecordForm form;
    util::Nanos checkpoint;  // between two records of what a running job has done
  };
  // All must outlive it.
  Journal(Setup setup, const JobTable& table, RecentJobs& recent, EventLog& events);

  // Has a new job on the disk when it returns; otherwise the error `unavailable`, after store::Acceptance::kLimit at
  // the latest, and nothing of it stays.
  [[nodiscard]] util::Status accept(const JobView& job, std::optional<store::StoredKey> key);
  // These two only queue.
  void note(Change change);
  void forget(std::vector<std::string> ids);  // they are to be erased from the store
  void note(const std::string& job, std::size_t device, run::Checkpoint checkpoint);
  void note(store::StoredFigures figures);
  // What is stored, or waits for it. Throw std::runtime_error where they cannot be read.
  [[nodiscard]] std::optional<run::StageFigures> figures(const std::string& job, std::size_t device, std::size_t stage);
  [[nodiscard]] std::optional<run::OverTime> over_time(const std::string& job, std::size_t device);
  // Waits until those of that device are stored, within kSettle; not at all while the store takes none.
  static constexpr util::Nanos kSettle = 2 * util::kSecond;
  void settle(const std::string& job, std::size_t device);
  // Those that wait, on the caller's thread: for the end of the daemon.
  void commit_checkpoints();
  [[nodiscard]] bool has_checkpoints();  // that wait
  // Writes on the caller's thread, as long as that takes: before there are jobs, and at the end of the daemon.
  void put(store::StoredJob record);
  void put_end(const JobView& job);  // with an event of its own

  // Whether there is something of the job that the store has not taken yet.
  [[nodiscard]] bool is_pending(const std::string& id) { return write_behind_.is_pending(id); }
  // What the store has, or will have, of a job that has ended, for a view that has no devices yet. Within a bound.
  // Error: unavailable.
  [[nodiscard]] util::Result<JobView> read(JobView head);
  // Whether all that was noted is delivered, within `limit`.
  [[nodiscard]] bool wait_until_delivered(util::Nanos limit);
  // The same of a new job that waits for the store.
  [[nodiscard]] bool wait_until_none_waits(util::Nanos limit) const { return acceptance_.wait_until_idle(limit); }
  // Writes what was noted and may be held up on the journal's thread, for the end of the daemon.
  void put_undelivered();
  void retry() { write_behind_.retry(); }
  void shut_down();  // what becomes of running jobs is more urgent than what they have done
  void stop();       // when all is delivered; the thread is gone then

  // Since when the store has taken no checkpoint; none: it does.
  [[nodiscard]] std::optional<WallTime> checkpoints_wait_since() const;
  // How many jobs the store has not taken in their newest state.
  [[nodiscard]] std::size_t pending() const { return write_behind_.pending(); }
  // For how long the oldest of what is to be recorded has been waiting for this thread or the store.
  [[nodiscard]] util::Nanos delay();

 private:
  void run(const std::stop_token& stop);
  void withdraw(const std::string& id);
  // Called with the lock held.
  [[nodiscard]] bool has_work() const { return !changes_.empty() || !forgotten_.empty() || urgent_; }
  void deliver(std::vector<Change> changes, const std::vector<std::string>& forgotten);
  void record_end(const JobPtr& job, const JobView& end);
  void record_left(const JobPtr& job, const JobView& left);
  void checkpoint(const JobPtr& job);
  using DeviceKey = std::pair<std::string, std::size_t>;
  [[nodiscard]] store::StoredCheckpoint stored_form_of(const DeviceKey& key, const run::Checkpoint& checkpoint);
  void commit_events();
  void forget_checkpoints(const std::string& job);
  [[nodiscard]] std::optional<std::string> find_figures(const std::string& job, std::size_t device, int stage);
  [[nodiscard]] std::deque<JobPtr> running_jobs() const;
  [[nodiscard]] store::StoredJob record_of(const JobView& view) const;
  [[nodiscard]] store::StoredJob new_record_of(const JobView& view) const;  // with its spec

  const Setup setup_;
  const JobTable& table_;
  RecentJobs& recent_;
  EventLog& events_;
  store::WriteBehind write_behind_;
  std::mutex mutex_;  // guards these nine
  std::condition_variable_any changed_;
  std::vector<Change> changes_;
  std::vector<std::string> forgotten_;
  bool delivering_ = false;
  std::map<DeviceKey, run::Checkpoint> checkpoints_;  // the newest of each device that waits
  std::set<DeviceKey> committing_;
  std::map<DeviceKey, std::size_t> shown_;  // how many stages had ended of which the store has the figures
  bool urgent_ = false;                     // somebody waits for them
  std::mutex commit_mutex_;                 // held by who commits them
  std::map<std::string, std::vector<store::StoredEvent>> unstored_;  // of jobs, for the next record of each
  std::vector<store::StoredEvent> loose_;                            // the thread's own; see commit_events()
  PendingFigures figures_;
  std::atomic<bool> lost_figures_{false};
  std::atomic<bool> shutting_down_{false};
  std::atomic<util::Nanos> last_round_;
  std::atomic<util::Nanos> cursors_wait_since_{0};  // for the store to take any; 0: it does
  std::jthread thread_;                             // it stops before anything that it uses
  store::Acceptance acceptance_;
};

}  // namespace spliced::job
