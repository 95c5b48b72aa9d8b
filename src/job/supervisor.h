// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "job_table.h"
#include "journal.h"
#include "quota.h"
#include "recent_jobs.h"
#include "run/pause_watch.h"
#include "spliced/device/target_admission.h"
#include "totals/device_totals_registry.h"

namespace spliced::job {

// The thread that watches over all jobs: it sees devices end, stall and stop, and never waits for a disk. Thread-safe.
class Supervisor {
 public:
  // All must outlive it.
  struct Setup {
    util::Clock& clock;
    util::Logger& log;
    device::TargetAdmission& admission;
    std::size_t kept_jobs;
    util::Nanos kept_time;
    run::PauseWatch& pauses;
    totals::DeviceTotalsRegistry& registry;
    Quota& quota;
    JobTable& table;
    RecentJobs& recent;
    Journal& journal;
  };
  explicit Supervisor(Setup setup);

  void wake();  // it comes round at once
  // Whether it has been round within `limit`.
  [[nodiscard]] bool alive(util::Nanos limit) const { return setup_.clock.now() - last_tick_.load() < limit; }
  // Whether no worker of an ended job is stuck any more, within `limit`.
  [[nodiscard]] bool wait_until_none_lingers(util::Nanos limit);
  // Of the jobs that have ended, those beyond the limit; and those that are too old.
  void forget_oldest(bool also_by_age);
  // Jobs that ended since the start, by state and verdict.
  [[nodiscard]] EndCounts finished() const;
  void stop();  // the thread is gone then; wake() may still be called
  [[nodiscard]] Job::Runs take_lingering();

 private:
  void run(const std::stop_token& stop);
  void tick();
  [[nodiscard]] static bool poll_job(const Job::Watched& job, util::Nanos now);
  void finalize(const Job::Watched& over, util::Nanos now);
  void poll_lingering(util::Nanos now);
  void add_ended(const std::shared_ptr<run::Run>& run, bool failed, util::Nanos now);
  void sweep(util::Nanos now);

  const Setup setup_;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  mutable std::mutex mutex_;  // guards these three
  std::condition_variable came_back_;
  Job::Runs lingering_;  // stalled runs of ended jobs, until their workers come back
  EndCounts finished_{};
  std::atomic<util::Nanos> last_tick_;
  util::Nanos last_sweep_ = 0;  // the thread's own
  std::jthread thread_;         // last: it stops before anything that it uses
};

}  // namespace spliced::job
