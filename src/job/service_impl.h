#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "job.h"
#include "keeper.h"
#include "ledger.h"
#include "spliced/job/service.h"

namespace spliced::job {

// The job table and the thread that watches over it.
class JobService::Impl {
 public:
  explicit Impl(ServiceSetup setup);
  ~Impl();

  util::Status restore();
  util::Result<JobSnapshot> submit(const JobSpec& spec);
  std::vector<JobSnapshot> list(const JobFilter& filter) const;
  util::Result<JobSnapshot> get(const std::string& id) const;
  util::Result<JobSnapshot> wait(const std::string& id, util::Nanos timeout, const std::function<bool()>& gone) const;
  util::Result<JobSnapshot> cancel(const std::string& id);
  util::Status forget(const std::string& id);
  Telemetry telemetry() const;
  bool alive(util::Nanos limit) const { return setup_.clock.now() - last_round_.load() < limit; }
  bool accepting() const { return accepting_; }
  std::size_t unrecorded() const { return keeper_.left(); }
  void begin_shutdown();
  bool stop_all(util::Nanos limit);

  ServiceSetup setup_;
  std::mutex overview_mutex_;
  std::function<void(const StateChange&)> listener_;

  void introduce(const device::TargetFacts& facts) { ledger_.introduce(facts); }

 private:
  using JobPtr = std::shared_ptr<Job>;
  // What the recorder does without the lock.
  struct Change {
    StateChange change;
    std::optional<StoredJob> record;
    std::string log_line;
  };

  util::Result<Reservation> reserve(const JobSpec& spec);
  void give_back(const Reservation& reservation);
  void abandon(const JobPtr& job, StartLine& gate, const Reservation& reservation);
  util::Result<std::vector<std::shared_ptr<DeviceRun>>> create_runs(const std::string& id, JobPlan plan,
                                                                    const std::shared_ptr<StartLine>& gate);
  util::Result<JobSnapshot> launch(const JobPtr& job, StartLine& gate);
  void announce(const Job& job);
  void stop(Job& job, State becomes);
  bool stop_jobs(util::Nanos limit);
  [[nodiscard]] JobPtr find(const std::string& id) const;
  [[nodiscard]] JobSnapshot show(const JobPtr& job) const;
  [[nodiscard]] JobSnapshot with_devices(JobSnapshot out, const std::vector<std::shared_ptr<DeviceRun>>& runs) const;
  [[nodiscard]] StoredJob record_of(const JobSnapshot& snapshot) const;
  void wake();

  void supervise(const std::stop_token& stop);
  void round();
  void visit(Job& job, util::Nanos now);
  void finalize(Job& job, util::Nanos now);
  void visit_lingering(util::Nanos now);
  void forget_oldest();
  void record_changes(const std::stop_token& stop);
  [[nodiscard]] bool has_to_record() const { return !changes_.empty() || !forgotten_.empty(); }
  void deliver(const std::vector<Change>& changes, const std::vector<std::string>& forgotten);
  [[nodiscard]] std::deque<JobPtr> running_jobs() const;
  void checkpoint(const JobPtr& job);

  RecordKeeper keeper_;
  TuningMemory tuning_;
  CpuSeats seats_;
  const Environment environment_;
  // Workers call wake() until they are joined, so these outlive every run.
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  Ledger ledger_;
  mutable std::mutex mutex_;  // guards everything down to `threads_`
  mutable std::condition_variable_any changed_;
  std::vector<std::string> forgotten_;                 // to be erased from the store
  std::deque<JobPtr> jobs_;                            // oldest first
  std::vector<std::shared_ptr<DeviceRun>> lingering_;  // stalled runs of ended jobs, until their workers come back
  std::vector<Change> changes_;
  bool delivering_ = false;
  std::array<std::array<std::uint64_t, 3>, kStates> finished_{};
  std::size_t running_ = 0;
  std::size_t next_cpu_ = 0;
  std::size_t threads_ = 0;
  std::uint64_t buffers_ = 0;
  std::uint64_t pipes_ = 0;

  std::atomic<bool> accepting_{true};
  std::atomic<util::Nanos> last_round_;
  // Last: they stop before anything that they use.
  std::jthread recorder_;
  std::jthread supervisor_;
};

}  // namespace spliced::job
