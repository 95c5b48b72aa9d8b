// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "device_totals_registry.h"
#include "job.h"
#include "plan/plan.h"
#include "run/pause_watch.h"
#include "spliced/job/service.h"
#include "store/write_behind.h"
#include "target_watch.h"

namespace spliced::job {

// The job table and the thread that watches over it.
class JobService::Impl {
 public:
  explicit Impl(ServiceSetup setup);
  ~Impl();

  util::Status restore();
  util::Result<JobSnapshot> submit(const JobSpec& spec, const access::Principal& who);
  std::vector<JobSummary> list(const JobFilter& filter) const;
  util::Result<JobView> open(const std::string& id) const;
  util::Result<JobSummary> wait(const std::string& id, util::Nanos timeout, const std::function<bool()>& gone) const;
  util::Result<JobSummary> cancel(const std::string& id, const access::Principal& who);
  util::Result<JobSummary> pause(const std::string& id, const access::Principal& who);
  util::Result<JobSummary> resume(const std::string& id, const access::Principal& who);
  util::Status forget(const std::string& id, const access::Principal& who);
  Telemetry telemetry() const;
  bool alive(util::Nanos limit) const { return setup_.clock.now() - last_tick_.load() < limit; }
  bool wait_for_threads(util::Nanos limit);
  bool accepting() const { return accepting_; }
  std::size_t unrecorded() const { return write_behind_.pending(); }
  util::Nanos record_delay();
  void begin_shutdown();
  bool stop_all(util::Nanos limit);

  ServiceSetup setup_;
  std::function<void(const StateChange&)> listener_;
  std::function<void(const std::vector<std::string>&)> forgotten_listener_;

  void look_at_targets() const { watch_.look(setup_.clock.now()); }

 private:
  using JobPtr = std::shared_ptr<Job>;
  // What the recorder does without the lock.
  struct Change {
    StateChange change;
    std::optional<JobView> record;  // the job as it is to be recorded: read and written down by the recorder
    std::string log_line;
    JobPtr ended;  // when that is its end
  };
  // A job as the supervisor looks at it.
  struct Watched {
    JobPtr job;
    std::vector<std::shared_ptr<run::DeviceRun>> runs;
    State state;
    Criteria criteria;
  };
  // What a list takes from a job under the lock; the rest is made without it.
  struct Glance {
    std::shared_ptr<const Listing> listing;  // of a job whose end is recorded; nothing else is set then
    JobSummary summary;
    std::vector<std::shared_ptr<run::DeviceRun>> runs;
    std::vector<State> outcomes;
    util::Nanos now = 0;
  };

  util::Result<Reservation> reserve(const JobSpec& spec);
  void abandon(const JobPtr& job, run::StartBarrier& barrier, const Reservation& reservation);
  util::Result<std::vector<std::shared_ptr<run::DeviceRun>>> create_runs(
      const JobPtr& job, plan::JobPlan plan, const std::shared_ptr<run::StartBarrier>& barrier);
  util::Result<JobSnapshot> launch(const JobPtr& job, run::StartBarrier& barrier);
  void publish_state(const Job& job);
  util::Result<JobSummary> pause_or_resume(const std::string& id, const access::Principal& who, State wanted);
  void stop(Job& job, State becomes);
  bool stop_jobs(util::Nanos limit);
  [[nodiscard]] JobPtr find(const std::string& id) const;
  [[nodiscard]] JobSnapshot show(const JobPtr& job) const;
  [[nodiscard]] JobView view(const JobPtr& job) const;
  [[nodiscard]] JobView view_of_locked(const Job& job) const;
  [[nodiscard]] Glance glance(const Job& job) const;
  [[nodiscard]] JobSummary summary(const JobPtr& job) const;
  [[nodiscard]] store::StoredJob record_of(const JobView& view) const;
  void wake();

  void supervise(const std::stop_token& stop);
  void tick();
  [[nodiscard]] static bool poll_job(const Watched& job, util::Nanos now);
  void finalize(const Watched& over, util::Nanos now);
  void poll_lingering(util::Nanos now);
  void sweep_registry(util::Nanos now);
  [[nodiscard]] std::vector<JobPtr> forget_oldest();
  void record_changes(const std::stop_token& stop);
  [[nodiscard]] bool has_to_record() const { return !changes_.empty() || !forgotten_.empty(); }
  void deliver(std::vector<Change> changes, const std::vector<std::string>& forgotten);
  void record_end(const JobPtr& job, const JobView& end);
  void keep_recent(const JobPtr& job, std::size_t bytes);
  void drop_recent(const JobPtr& job);
  [[nodiscard]] std::deque<JobPtr> running_jobs() const;
  void checkpoint(const JobPtr& job);

  mutable store::WriteBehind write_behind_;
  run::TuningMemory tuning_;
  run::PauseWatch pauses_;
  const run::Environment environment_;
  // Workers call wake() until they are joined, so these outlive every run.
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  DeviceTotalsRegistry registry_;
  mutable TargetWatch watch_;
  mutable std::mutex mutex_;  // guards everything down to `budget_`
  mutable std::condition_variable_any changed_;
  std::vector<std::string> forgotten_;  // to be erased from the store
  std::deque<JobPtr> jobs_;             // oldest first
  std::uint64_t last_sequence_ = 0;
  std::vector<std::shared_ptr<run::DeviceRun>> lingering_;  // stalled runs of ended jobs, until their workers come back
  std::deque<std::pair<JobPtr, std::size_t>> recent_;       // that have `whole`, with what it takes; oldest first
  std::size_t recent_bytes_ = 0;
  std::vector<Change> changes_;
  bool delivering_ = false;
  std::array<std::array<std::uint64_t, 3>, kStates> finished_{};
  Budget budget_;

  std::atomic<bool> accepting_{true};
  std::atomic<util::Nanos> last_tick_;
  util::Nanos last_sweep_ = 0;               // the supervisor's own
  std::atomic<util::Nanos> last_recording_;  // when the recorder came round
  // Last: they stop before anything that they use.
  std::jthread recorder_;
  std::jthread supervisor_;
};

}  // namespace spliced::job
