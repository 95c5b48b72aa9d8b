// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <mutex>
#include <optional>

#include "event_log.h"
#include "job_table.h"
#include "journal.h"
#include "plan/plan.h"
#include "quota.h"
#include "recent_jobs.h"
#include "run/pause_watch.h"
#include "spliced/job/service.h"
#include "submissions.h"
#include "supervisor.h"
#include "totals/device_totals_registry.h"
#include "totals/target_watch.h"
#include "turns.h"

namespace spliced::job {

// What of a job's reservation is for each stream of a device.
void give_grants(const plan::Reservation& reservation, run::DevicePlan& device);

// The parts of the service, each with a lock of its own, and what callers do with them.
class JobService::Impl {
 public:
  explicit Impl(ServiceSetup setup);
  ~Impl();

  util::Status restore();
  util::Result<Submitted> submit_once(const JobSpec& spec, const access::Principal& who, const Once& once);
  JobPage list(const JobFilter& filter, const PageRange& range) const;
  util::Result<JobView> open(const std::string& id) const;
  std::optional<run::OverTime> over_time_of(const std::string& id, std::size_t device) const;
  util::Result<JobSummary> wait(const std::string& id, util::Nanos timeout, const std::function<bool()>& gone) const;
  util::Result<JobSummary> cancel(const std::string& id, const access::Principal& who);
  util::Result<JobSummary> pause(const std::string& id, const access::Principal& who);
  util::Result<JobSummary> resume(const std::string& id, const access::Principal& who);
  util::Status forget(const std::string& id, const access::Principal& who);
  Telemetry telemetry() const;
  bool alive(util::Nanos limit) const { return supervisor_.alive(limit); }
  bool accepting() const { return accepting_; }
  std::size_t unrecorded() const { return journal_.pending(); }
  util::Nanos record_delay() { return journal_.delay(); }
  void begin_shutdown();
  bool stop_all(util::Nanos limit);
  void look_at_targets() const { watch_.look(setup_.clock.now()); }

  ServiceSetup setup_;
  EventLog events_;

 private:
  util::Result<JobSnapshot> submit(const JobSpec& spec, const JobPtr& job, std::optional<store::StoredKey> key);
  util::Result<JobSnapshot> begin_at_once(const JobSpec& spec, const JobPtr& job, std::optional<store::StoredKey> key);
  util::Result<JobSnapshot> wait_in_queue(const JobSpec& spec, const JobPtr& job, std::optional<store::StoredKey> key);
  [[nodiscard]] util::Status find_awaited(const JobSpec& spec, const std::vector<device::TargetFacts>& targets) const;
  util::Result<plan::Reservation> reserve(const JobSpec& spec);
  util::Result<std::shared_ptr<run::DeviceRun>> create_run(const JobPtr& job, const std::string& name,
                                                           const run::SharedStages& stages, run::DevicePlan device,
                                                           const std::shared_ptr<run::StartBarrier>& barrier);
  // These are of a device whose turn it is.
  Turns::Outcome begin_device(const JobPtr& job, std::size_t device);
  util::Status try_device(const JobPtr& job, std::size_t device, run::IdleRun& waiting);
  util::Status start_device(const JobPtr& job, plan::JobPlan plan);
  util::Result<JobSpec> spec_for(const JobPtr& job, std::size_t device, const run::IdleRun& waiting) const;
  [[nodiscard]] util::Result<JobPtr> resumed(const store::StoredJob& record);
  void interrupt(store::StoredJob record, const std::string& why);
  void abandon(const JobPtr& job, run::StartBarrier& barrier, const plan::Reservation& reservation);
  util::Result<Job::Runs> create_runs(const JobPtr& job, plan::JobPlan plan,
                                      const std::shared_ptr<run::StartBarrier>& barrier);
  util::Result<JobSnapshot> launch(const JobPtr& job, run::StartBarrier& barrier, std::optional<store::StoredKey> key);
  [[nodiscard]] util::Result<JobPtr> find(const std::string& id) const;
  // The same, and `who` may stop and forget it.
  [[nodiscard]] util::Result<JobPtr> find(const std::string& id, const access::Principal& who) const;
  bool stop_jobs(util::Nanos limit);
  bool record_last_words();
  void record_those_that_are_stuck();
  bool wait_for_threads(util::Nanos limit);

  run::TuningMemory tuning_;
  run::PauseWatch pauses_;
  std::atomic<bool> host_untrusted_{false};
  const run::Environment environment_;
  totals::DeviceTotalsRegistry registry_;
  mutable totals::TargetWatch watch_;
  std::atomic<bool> accepting_{true};
  Quota quota_;
  JobTable table_;
  Submissions submissions_;
  RecentJobs recent_;
  mutable Journal journal_;
  Supervisor supervisor_;
  std::mutex reserving_;  // held by whoever has the first of several devices of a job begin
  std::atomic<util::Nanos> restored_at_{0};
  std::atomic<bool> restored_{true};  // no device has its turn before all that is to go on is known
  Turns turns_;
  std::optional<util::Delegate> last_words_;
};

}  // namespace spliced::job
