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
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual void on_error(const engine::IoSlot& slot, ErrorClass error_class) = 0;
  virtual void on_refusal(const std::string& what) = 0;
};

// One workload on one device: its source of blocks, its workers, their rates and counters. The functions are called as
// those of the same names of Stage.
class IoStream final : private WorkerOwner {
 public:
  // `first_worker`: the number of its first worker among those of the stage.
  IoStream(const Stage::Setup& setup, const StreamSpec& spec, const StreamPlan& plan, const StreamTimes& times,
           unsigned first_worker, StreamOwner& owner);

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>& barrier);
  [[nodiscard]] util::Status launch();
  [[nodiscard]] bool wait(util::Nanos until);
  [[nodiscard]] workload::Cursor cursor() const { return source_.cursor(); }
  [[nodiscard]] std::size_t waiters() const { return workers_.size(); }
  void began(util::Nanos start);
  void request_stop();
  void wake();
  [[nodiscard]] bool still() const;
  [[nodiscard]] bool completed() const;
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos now) const;
  void sample(util::Nanos now);
  void add_to(DeviceTotals& out, Detail detail) const;
  void add_ramp_to(DeviceTotals& out) const;
  // Since its stage began, until it ended, without pauses.
  [[nodiscard]] util::Nanos active_time(util::Nanos now) const;
  [[nodiscard]] const StreamTimes& times() const { return times_; }
  [[nodiscard]] Flying flying() const;
  [[nodiscard]] EngineState engine_state() const;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const;

 private:
  void on_error(const engine::IoSlot& slot, ErrorClass error_class) override { owner_.on_error(slot, error_class); }
  void on_refusal(const std::string& what) override { owner_.on_refusal(what); }
  void on_exit() override;
  void prepare_tuning();
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
  StreamOwner& owner_;
  workload::BlockSource source_;
  std::array<std::unique_ptr<Tuning>, engine::kDirections> tunings_;  // by Direction; null where no data goes
  Rates rates_;
  std::atomic<util::Nanos> started_{0};
  util::Nanos paused_before_ = 0;     // of the gate, when it started
  std::atomic<util::Nanos> took_{0};  // until its last worker had left, without pauses; 0: some are there
  std::mutex mutex_;                  // guards active_
  std::condition_variable left_;
  std::size_t active_ = 0;                        // workers
  std::vector<std::unique_ptr<Worker>> workers_;  // last: they use all of the above until they are joined
};

}  // namespace spliced::run
