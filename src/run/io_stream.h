// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "stage.h"
#include "worker.h"

namespace spliced::run {

// What a stream tells its stage. From any thread, off the hot path.
class StreamOwner : public DamageOwner {
 public:
  virtual void on_error(const engine::IoSlot& slot, ErrorClass error_class) = 0;
  virtual void on_refusal(const std::string& what) = 0;
};

// One workload on one device: its source of blocks, its workers, their rates and counters. The functions are called as
// those of the same names of Stage.
class IoStream final : private WorkerOwner {
 public:
  struct Setup {
    const StreamSpec& spec;
    const StreamPlan& plan;
    StreamTimes times;
    unsigned first_worker;  // its number among those of the stage
    bool contested;         // another stream changes what this one changes
    std::uint64_t order;    // the number of the round whose order it begins with
    std::size_t number;     // among the streams of the stage
    BandsByOp bands;        // of the stage
  };
  IoStream(const Stage::Setup& stage, const Setup& setup, DamageLog& damage, StreamOwner& owner);

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>& barrier);
  [[nodiscard]] util::Status launch();
  [[nodiscard]] bool wait(util::Nanos until);
  [[nodiscard]] workload::Cursor cursor() const { return source_.cursor(); }

  void note_flush() { noted_ = source_.cursor().watermark; }
  void on_flushed();
  void flush_failed();
  [[nodiscard]] std::uint32_t end_history();
  [[nodiscard]] const WrittenSeries* series() const { return series_.get(); }
  void add_to(VerifySnapshot& out) const;
  [[nodiscard]] std::size_t waiters() const { return workers_.size(); }
  void began(util::Nanos start);
  void request_stop();
  [[nodiscard]] bool drained() const;
  void finish();
  void wake();
  [[nodiscard]] bool still() const;
  [[nodiscard]] bool completed() const;
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos now) const;
  void sample(util::Nanos now);
  void add_to(DeviceTotals& out, Detail detail) const;
  // What it was counted before a restart.
  [[nodiscard]] const DeviceTotals& before() const { return before_.totals; }
  [[nodiscard]] StreamPoint point() const;
  void add_ramp_to(DeviceTotals& out) const;
  // Since its stage began, until it ended, without pauses.
  [[nodiscard]] util::Nanos active_time(util::Nanos now) const;
  [[nodiscard]] const StreamTimes& times() const { return times_; }
  [[nodiscard]] Flying flying() const;
  [[nodiscard]] EngineState engine_state() const;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const;

 private:
  void on_error(const engine::IoSlot& slot, ErrorClass error_class) override;
  void on_doubt(const engine::IoSlot& slot) override;
  void on_damage(const Miscompare& one, bool first) override { owner_.on_damage(one, first); }
  void on_host_fault(HostFault fault, const std::string& what) override { owner_.on_host_fault(fault, what); }
  void on_refusal(const std::string& what) override { owner_.on_refusal(what); }
  void on_exit() override;
  [[nodiscard]] bool before_io(std::atomic<util::Nanos>& since, const std::stop_token& stop) override;
  void prepare_tuning();
  void prepare_history();
  [[nodiscard]] std::optional<std::uint64_t> own_device() const;  // that its data names; none: it has no number
  [[nodiscard]] util::Status look_for_data(std::atomic<util::Nanos>& since, const std::stop_token& stop);
  [[nodiscard]] const device::TargetFacts& facts() const { return setup_.target.facts; }
  [[nodiscard]] State state_in(State stage) const;
  [[nodiscard]] MovedSoFar moved() const;
  [[nodiscard]] std::optional<double> seconds_left(std::uint64_t visited, util::Nanos passed) const;
  void fill_progress(util::Nanos passed, StageSnapshot& out) const;

  const Stage::Setup setup_;
  const StreamSpec& spec_;
  const IoSpec& io_;
  const StreamPlan& plan_;
  const StreamTimes times_;
  const unsigned first_worker_;
  const BandsByOp bands_;
  DamageLog& damage_;
  StreamOwner& owner_;
  const StreamPoint before_;  // what it was counted before a restart
  workload::BlockSource source_;
  WriteHistory::Series series_;                 // of what it changes; null where it does not
  std::shared_ptr<const verify::Image> image_;  // of what it writes, likewise
  std::unique_ptr<OwnData> own_;                // of what is checked, one or none of these two
  std::unique_ptr<FoundData> found_;
  bool checks_unmarked_ = false;     // of its own data, some is neither tagged nor has headers
  std::once_flag look_;              // for that data, by the first worker
  std::atomic<bool> looked_{false};  // it has been found, or is not there
  std::uint64_t noted_ = 0;          // watermark, before a FLUSH
  std::array<std::unique_ptr<Tuning>, engine::kDirections> tunings_;  // by Direction; null where no data goes
  Rates rates_;
  std::atomic<util::Nanos> started_{0};
  util::Nanos paused_before_ = 0;     // of the gate, when it started
  std::atomic<util::Nanos> took_{0};  // until its last worker had left, without pauses; 0: some are there
  std::atomic<bool> enough_{false};
  std::mutex mutex_;  // guards active_
  std::condition_variable left_;
  std::size_t active_ = 0;                        // workers
  std::vector<std::unique_ptr<Worker>> workers_;  // last: they use all of the above until they are joined
};

}  // namespace spliced::run
