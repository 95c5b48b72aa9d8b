// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "kernel_witness.h"
#include "run.h"
#include "series_watch.h"
#include "spliced/device/thermometer.h"
#include "stage.h"

namespace spliced::run {

// Whose run it is, as far as a run tells it.
struct RunLabel {
  std::string job_id, job_name;
  std::string run_id = {};  // of what it writes
};

// What happened on a device, for those who follow its job.
struct News {
  enum class Kind : std::uint8_t { stage, error, miscompare };
  Kind kind = Kind::stage;
  std::string stage;         // its name
  std::uint64_t offset = 0;  // of the operation or the interval, bytes
  std::string what;          // the errno, or the kind of damage, by its name
  std::string text;
};
inline constexpr int kMostNews = 1'000;  // of one device; later ones are not told

// What a run tells; called from its thread.
struct Hooks {
  // Everything was given back, or the device has failed; from any thread, too.
  std::function<void()> on_change;
  std::function<void(Checkpoint)> on_checkpoint = {};  // must not wait
  // The large figures of a stage that has ended, and of the device over time so far. Must not wait.
  std::function<void(std::size_t stage, const StageFigures&)> on_figures = {};
  std::function<void(const OverTime&)> on_over_time = {};
  // Waits, within a bound, until that is stored: what comes next would change what was done until then.
  std::function<void()> settle_checkpoint = {};
  // A stage that began; the first error of its kind in a stage, the first miscompare of its kind, from a worker's
  // thread, too, which may be kept for a second, until that is on record.
  std::function<void(News)> on_news = {};
};

class StageWatch;

// One device under one job: its claim, and its stages, one after the other.
//
// The target's own thread, whose descriptors the workers copy, walks the stages; then it closes the target and gives
// the claim back: closing can block on a dying disk, and nobody else may wait for that. Everything else is called by
// the supervisor or by readers, from any thread.
class DeviceRun final : public Run, public StageOwner, public std::enable_shared_from_this<DeviceRun> {
 public:
  // The first stage has all that it needs; it begins at the barrier, with those of other devices.
  [[nodiscard]] static util::Result<std::shared_ptr<DeviceRun>> create(const Environment& environment, RunLabel label,
                                                                       SharedStages stages, DevicePlan plan,
                                                                       std::shared_ptr<StartBarrier> barrier,
                                                                       std::shared_ptr<PauseGate> gate, Hooks hooks);

  [[nodiscard]] util::Status start();  // after an error: abort the barrier, stop and destroy it
  // How many wait at the barrier.
  [[nodiscard]] std::size_t waiters() const { return 1 + first_waiters_; }
  void began(util::Nanos start);  // before the barrier lets go
  void fail(const std::string& reason);

  [[nodiscard]] bool finished() const override { return !active_.load(std::memory_order_acquire); }
  [[nodiscard]] bool wait_until_finished(util::Nanos limit) const override;
  [[nodiscard]] bool failed() const override;
  [[nodiscard]] bool stalled() const override { return stalled_at_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] bool still() const override;
  void request_stop() override;
  void leave_for_later() override { left_for_later_ = true; }
  void wake_workers() override;
  void check_stall(util::Nanos now) override;
  void sample(util::Nanos now) override;
  [[nodiscard]] State outcome(State stopped) const override;
  [[nodiscard]] State state_in(State job) const override;
  [[nodiscard]] DeviceSnapshot snapshot(util::Nanos now, State state, Detail detail = Detail::all) const override;
  [[nodiscard]] std::shared_ptr<DeviceRun> live() override { return shared_from_this(); }
  [[nodiscard]] const device::TargetFacts& facts() const override { return plan_.target.facts; }
  // All that it did in this daemon, whatever the time.
  void add_to(DeviceTotals& out) const;
  void describe(util::Nanos now, RunTelemetry& out) const;
  // The large figures of that stage, if it is the one that goes on.
  [[nodiscard]] std::optional<StageFigures> figures(std::size_t stage) const;
  [[nodiscard]] std::optional<OverTime> over_time() const;  // none: it has not begun
  [[nodiscard]] const std::string& job_id() const { return label_.job_id; }

  void on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) override;
  void on_refusal(const std::string& what) override;
  void on_damage(const Miscompare& one, bool first_of_its_kind) override;
  void on_host_fault(HostFault fault, const std::string& what) override;

 private:
  // A stage that has ended is known by what it came to.
  struct Ended {
    std::vector<StageSnapshot> stages;
    DeviceTotals totals;
    DeviceTotals before;               // what was counted before a restart, in none of the others
    std::optional<DeviceTotals> ramp;  // see Stage::add_ramp_to
    util::Nanos ramped = 0;
    util::Nanos last_completion = 0;
  };
  // What there was at one moment.
  struct Moment {
    std::shared_ptr<const Ended> ended;
    std::shared_ptr<Stage> current;  // null between stages, and at the end
  };
  DeviceRun(const Environment& environment, RunLabel label, SharedStages stages, DevicePlan plan,
            std::shared_ptr<StartBarrier> barrier, std::shared_ptr<PauseGate> gate, Hooks hooks);
  template <class T>
  [[nodiscard]] T on_target_thread(std::function<T()> task);
  [[nodiscard]] util::Status prepare_stage(const std::shared_ptr<StartBarrier>& barrier);
  void walk();
  void await_stage();
  [[nodiscard]] bool look(StageWatch& watch);
  void note_steady(const StageWatch& watch);
  void look_at_series(bool last);
  [[nodiscard]] bool take_temperature(util::Nanos now);
  void tell_figures(std::size_t stage) const;
  void take_checkpoint();
  void note_checkpoint(Checkpoint& noted, util::Nanos now) const;
  void note_stage_end();
  [[nodiscard]] util::Status resume();
  [[nodiscard]] util::Nanos elapsed(util::Nanos end) const;
  [[nodiscard]] bool flush(const DeviceTotals& totals, util::Nanos active);
  void flush_for_next();
  [[nodiscard]] bool begin_stage();
  void end_stage();
  [[nodiscard]] ZoneReport look_for_zones(bool done, const StageFigures& figures);
  void close_target();
  void check_direct_io();
  void log_error(const ErrorEntry& entry, std::uint64_t total);
  void tell(News news);
  void tell_of_stage();
  void tell_of_error(const ErrorEntry& entry);
  [[nodiscard]] Moment moment() const;
  [[nodiscard]] const StageSpec& current_spec() const { return stages_->at(current_index_); }
  [[nodiscard]] util::Nanos end_or(util::Nanos now) const;
  [[nodiscard]] std::vector<StageSnapshot> all_stages(const Moment& at, const StageSnapshot& current,
                                                      State device) const;
  [[nodiscard]] static std::vector<NamedEvidence> evidence_of(const Moment& at, const StageSnapshot& current,
                                                              Detail detail);
  [[nodiscard]] double progress_of(const Moment& at, const StageSnapshot& current) const;
  void add_details(const Moment& at, StageSnapshot current, DeviceSnapshot& out) const;

  const Environment& environment_;
  const RunLabel label_;
  const SharedStages stages_;
  DevicePlan plan_;
  const std::shared_ptr<StartBarrier> barrier_;
  const std::shared_ptr<PauseGate> gate_;
  const Hooks hooks_;
  std::size_t first_waiters_ = 0;
  mutable std::condition_variable gave_back_;
  mutable std::mutex mutex_;  // guards reason_, last_log_, told_errors_, kernel_, ended_stages_, current_
  std::string reason_;
  util::Nanos last_log_ = 0, last_damage_log_ = 0;
  std::set<std::tuple<std::size_t, util::Op, std::string>> told_errors_;  // by stage
  std::atomic<int> news_{0};
  std::optional<device::KernelCounters> kernel_;
  const workload::BlockRange range_;  // of all stages
  const bool created_;                // the file was created for this job
  KernelWitness witness_;
  const DataOrigin origin_;
  DamageBudget damage_budget_;
  ZoneWatch zone_watch_;  // these three: of the target's thread
  WriteHistory history_;
  SeriesWatch series_;
  device::Thermometer thermometer_;  // these three: likewise
  std::optional<int> temperature_;
  util::Nanos next_temperature_ = 0;
  std::uint32_t next_pass_ = 1;
  std::atomic<util::Nanos> looking_since_{0};  // at the device, on its thread: for a stage, or its temperature; 0: no
  FlushWatch flushes_;
  CheckpointPace pace_{0};                       // these two: of the target's thread
  std::uint64_t flushed_writes_ = 0;             // operations that had ended before the last FLUSH that went well
  std::atomic<std::uint64_t> flushing_{0};       // see DeviceTotals
  bool no_checkpoints_ = false;                  // of the target's thread, too
  std::uint64_t flushed_bytes_ = 0;              // written before the last FLUSH; of the target's thread
  std::atomic<util::Nanos> flush_allowance_{0};  // beyond the stall timeout
  std::atomic<util::Nanos> overhang_{0};         // in FLUSHes that outlasted their stage
  std::atomic<util::Nanos> last_checkpoint_{0};  // 0: there was none
  std::atomic<util::Nanos> started_{0};
  std::atomic<util::Nanos> ended_{0};
  std::atomic<util::Nanos> paused_{0};         // until it ended
  std::atomic<util::Nanos> closing_since_{0};  // in close(2), which may write back and may hang
  std::atomic<util::Nanos> stalled_at_{0};     // 0: it has not
  std::atomic<bool> stopped_{false};
  std::atomic<bool> left_for_later_{false};
  std::atomic<bool> unmeasured_{false};  // what it did says nothing of the device
  std::atomic<bool> completed_{false};
  std::atomic<bool> active_{false};
  const std::shared_ptr<const Resumption> from_;  // null: it began in this daemon
  util::Nanos elapsed_before_ = 0;                // in an earlier one
  std::atomic<std::size_t> current_index_{0};
  ZoneReport zones_;  // these two are guarded by mutex_, too
  std::optional<SteadyResult> steady_;
  std::shared_ptr<const Ended> ended_stages_;
  std::shared_ptr<Stage> current_;  // last: it uses all of the above until it is joined
};

}  // namespace spliced::run
