// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "checkpoint.h"
#include "damage_log.h"
#include "data_origin.h"
#include "device_plan.h"
#include "environment.h"
#include "flush_watch.h"
#include "pause_gate.h"
#include "rates.h"
#include "resumption.h"
#include "spliced/run/stage_spec.h"
#include "stage_bands.h"
#include "start_barrier.h"
#include "write_history.h"
#include "zone_watch.h"

namespace spliced::run {

// What a stage tells its device. From any thread, off the hot path.
class StageOwner {
 public:
  virtual ~StageOwner() = default;
  // An operation failed, the `total`th of the stage. The owner decides whether the device has had enough.
  virtual void on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) = 0;
  // What the job asks for is not to be had on this host.
  virtual void on_refusal(const std::string& what) = 0;
  // Data is not what it should be, or the host took it for that.
  virtual void on_damage(const Miscompare& miscompare, bool first_of_its_kind) = 0;
  virtual void on_host_fault(HostFault fault, const std::string& what) = 0;
};

// What is in the kernel.
struct Flying {
  std::uint64_t count = 0;
  util::Nanos oldest = 0;           // since when; 0: nothing is
  util::Nanos last_completion = 0;  // 0: there was none
  void merge(const Flying& other);
};

// One stage of one device, from its making to its end. prepare(), launch() and wait(), the last again and again, are
// called in this order on the device's thread, which the stage's own threads copy their descriptors from; everything
// else by any thread at any time.
class Stage {
 public:
  struct Setup {
    const Environment& environment;
    const StageSpec& spec;
    const HeldTarget& target;
    const StagePlan& plan;
    StageOwner& owner;
    PauseGate& gate;
    const FlushWatch& flushes;
    const DataOrigin& origin;
    WriteHistory& history;
    DamageBudget& damage;
    std::uint32_t first_pass;  // of what it writes
    std::size_t number;        // among the stages of the device
    const Resumption* from;    // where it goes on; null: from its beginning
    ZoneWatch& zones;
    const figures::BandGrid* grid = nullptr;  // that its bands are of; null: that of its range
  };
  virtual ~Stage() = default;  // stops and joins

  // Allocates all that it needs. What it starts will wait at the barrier. After an error here or in launch(): destroy
  // it.
  [[nodiscard]] virtual util::Status prepare(const std::shared_ptr<StartBarrier>& barrier) = 0;
  [[nodiscard]] virtual util::Status launch() = 0;
  // Whether it is done or has stopped, and nothing of it is left in the kernel, by then at the latest.
  [[nodiscard]] virtual bool wait(util::Nanos until) = 0;
  // How far it has come, if that is worth noting: cursors and time.
  [[nodiscard]] virtual std::optional<Checkpoint> checkpoint(util::Nanos now) const = 0;
  // What goes with that.
  virtual void describe(Checkpoint&) const {}
  // The device is to write its cache back; it did; it did not. On its thread.
  virtual void note_flush() {}
  virtual void on_flushed() {}
  virtual void on_flush_error(int error) = 0;
  // How far it came is known for good, for those who check what it wrote. How many passes there were. After wait().
  [[nodiscard]] virtual std::uint32_t end_history() { return 0; }
  // How many wait at the barrier once it is launched.
  [[nodiscard]] virtual std::size_t waiters() const = 0;

  virtual void began(util::Nanos start) = 0;
  virtual void request_stop() = 0;
  virtual void wake() = 0;  // interrupts system calls; repeat until it has ended
  // Whether nothing is done while the job is paused.
  [[nodiscard]] virtual bool still() const = 0;
  // Whether it did everything it was meant to do, when it has ended.
  [[nodiscard]] virtual bool completed() const = 0;
  // What has not come back for longer than the stage's timeout, and for how long.
  [[nodiscard]] virtual std::optional<std::string> find_stall(util::Nanos now) const = 0;
  virtual void sample(util::Nanos now) = 0;  // see Rates

  // What was counted after the ramp time, and in it; errors are with the first.
  virtual void add_to(DeviceTotals& out, Detail detail = Detail::all) const = 0;
  virtual void add_ramp_to(DeviceTotals& out) const = 0;
  // What was counted before a restart and is in neither, of what its snapshot shows.
  virtual void add_before_to(DeviceTotals&) const {}
  // How much of the time since it began is of the ramp.
  [[nodiscard]] virtual util::Nanos ramped(util::Nanos now) const = 0;
  // For how long it was measured: without the ramp and pauses.
  [[nodiscard]] virtual util::Nanos measured(util::Nanos) const { return 0; }
  // Whether nothing is left to be begun.
  [[nodiscard]] virtual bool drained() const { return false; }
  // It has done enough: it ends as done.
  virtual void finish() {}
  [[nodiscard]] virtual Flying flying() const = 0;
  // What it showed so far, or when it had ended at `now`.
  [[nodiscard]] virtual StageEvidence evidence(util::Nanos now, bool done) const = 0;
  // The large ones; of one that does no I/O there are none.
  [[nodiscard]] virtual StageFigures figures() const { return {}; }
  // All but the reason. Of one that has ended, `state` is final, and `now` is when it ended.
  [[nodiscard]] virtual StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const = 0;
};

[[nodiscard]] std::unique_ptr<Stage> make_stage(const Stage::Setup& setup);
// What was counted, with percentiles where latencies are known.
void fill_counts(const DeviceTotals& totals, StageSnapshot& out);

}  // namespace spliced::run
