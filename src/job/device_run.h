// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/error_log.h"
#include "run/tuning.h"
#include "run/worker.h"
#include "spliced/util/log.h"

namespace spliced::job {

// What every part of the job room is given from outside.
struct Environment {
  util::Clock& clock;
  util::Logger& log;
  run::EngineFactory engines;
  run::TuningMemory& tuning;
  const run::PauseWatch& pauses;
};

// What one device of a job came to.
struct DeviceEnd {
  std::string name;
  State state = State::succeeded;
  Verdict verdict = Verdict::none;
  std::string reason;
};

// What a list wants to know of a device.
struct DeviceBrief {
  double progress = 0;
  std::uint64_t errors = 0;
};

// One device under one job: its claim, its workers, its errors.
//
// The workers are started by the target's own thread, whose descriptors they copy, and which closes the target
// and gives the claim back once the last worker has left: closing can block on a dying disk, and nobody else may wait
// for that. Everything else is called by the supervisor or by readers, from any thread.
class DeviceRun final : public run::WorkerOwner, public std::enable_shared_from_this<DeviceRun> {
 public:
  // `on_change` is called when everything was given back, from the target's thread, and when the device has failed.
  [[nodiscard]] static util::Result<std::shared_ptr<DeviceRun>> create(const Environment& environment,
                                                                       const std::string& job_id, const JobSpec& spec,
                                                                       run::DevicePlan plan,
                                                                       std::shared_ptr<run::StartBarrier> barrier,
                                                                       std::function<void()> on_change);

  // The job began: a file that was created for it stays.
  void keep_target();
  [[nodiscard]] util::Status start_workers();  // after an error: stop and destroy it
  void began(util::Nanos start);               // all workers are running
  void request_stop();
  void wake_workers();  // interrupts system calls; repeat until finished()
  void fail(const std::string& reason);

  // All workers have left, and everything was given back. True before the start, too.
  [[nodiscard]] bool finished() const { return active_workers_.load(std::memory_order_acquire) == 0; }
  [[nodiscard]] bool failed() const;
  [[nodiscard]] bool stalled() const { return stalled_at_.load(std::memory_order_relaxed) != 0; }
  // Fails the device when an operation has been in flight for longer than the job's stall timeout.
  void check_stall(util::Nanos now);
  // Keeps the rates of the last second.
  void sample(util::Nanos now);

  // What became of it; `stopped` is the state of a device whose workers were stopped from outside.
  [[nodiscard]] State outcome(State stopped) const;
  // What it is shown as while the job is in state `job`.
  [[nodiscard]] State state_in(State job) const;
  [[nodiscard]] DeviceSnapshot snapshot(util::Nanos now, State state) const;
  // What it came to, without percentiles. The state is `stopping` where it was stopped from outside.
  [[nodiscard]] DeviceEnd end() const;
  [[nodiscard]] DeviceBrief brief(util::Nanos now, State state) const;  // without percentiles, hence at once
  void add_to(run::DeviceTotals& out) const;
  void describe(util::Nanos now, DeviceTelemetry& out) const;
  [[nodiscard]] const device::TargetFacts& facts() const { return plan_.target.facts; }
  [[nodiscard]] const std::string& job_id() const { return job_id_; }
  [[nodiscard]] std::size_t worker_count() const { return workers_.size(); }

  void on_error(const engine::IoSlot& slot, run::ErrorClass error_class) override;
  void on_refusal(const std::string& what) override;
  void on_exit() override;

 private:
  struct Sample {
    util::Nanos at = 0;
    std::array<std::uint64_t, util::kOpClasses> bytes{}, operations{};
    std::array<double, util::kOpClasses> bytes_per_second{}, operations_per_second{};
    std::uint64_t visited = 0;
    util::Nanos before_at = 0;  // of the sample before
    std::uint64_t visited_before = 0;
    double pace = 0;  // bytes visited per second: smooth while it is steady, the last two samples' after a step
  };
  // How much of the range was visited.
  struct Visited {
    std::uint64_t bytes = 0, of = 0;
  };
  DeviceRun(const Environment& environment, std::string job_id, const JobSpec& spec, run::DevicePlan plan,
            std::function<void()> on_change);
  void prepare_tuning();
  [[nodiscard]] util::Status create_workers(const std::shared_ptr<run::StartBarrier>& barrier);
  template <class T>
  [[nodiscard]] T on_target_thread(std::function<T()> task);
  [[nodiscard]] util::Status launch_workers();
  void close_target();
  void check_direct_io();
  void log_error(const run::ErrorEntry& entry, std::uint64_t total);
  [[nodiscard]] Visited visited() const;
  [[nodiscard]] run::EngineState engine_state() const;
  [[nodiscard]] std::optional<double> seconds_left(const Visited& visited, util::Nanos passed) const;
  void fill_progress(util::Nanos now, DeviceSnapshot& out) const;
  void fill_rates(util::Nanos now, DeviceSnapshot& out) const;
  [[nodiscard]] util::Nanos elapsed(util::Nanos now) const;

  const Environment& environment_;
  const std::string job_id_;
  const JobSpec spec_;
  run::DevicePlan plan_;
  const std::function<void()> on_change_;
  workload::BlockSource source_;                                           // of all workers
  std::array<std::unique_ptr<run::Tuning>, engine::kDirections> tunings_;  // by Direction; null where no data goes
  run::ErrorLog errors_;
  mutable std::mutex mutex_;  // guards reason_, last_log_, sample_, kernel_
  std::string reason_;
  util::Nanos last_log_ = 0;
  Sample sample_;
  std::optional<device::KernelCounters> kernel_before_, kernel_;
  std::optional<device::KernelCounters> below_before_;  // of the disks below a file, with direct I/O
  const bool created_;                                  // the file was created for this job
  std::atomic<util::Nanos> started_{0};
  std::atomic<util::Nanos> ended_{0};
  std::atomic<util::Nanos> closing_since_{0};  // in close(2), which may write back and may hang
  std::atomic<util::Nanos> stalled_at_{0};     // 0: it has not
  std::atomic<bool> stopped_{false};
  std::atomic<bool> unmeasured_{false};  // what it did says nothing of the device
  std::atomic<std::size_t> exited_{0};
  std::atomic<std::size_t> active_workers_{0};         // and one more until the target is closed
  std::vector<std::unique_ptr<run::Worker>> workers_;  // last: they use all of the above until they are joined
};

}  // namespace spliced::job
