// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "error_log.h"
#include "stage.h"
#include "worker.h"

namespace spliced::run {

// I/O by any number of workers from one source of blocks.
class IoStage final : public Stage, private WorkerOwner {
 public:
  IoStage(const Setup& setup, const IoSpec& io);

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>& barrier) override;
  [[nodiscard]] util::Status launch() override;
  void wait() override;
  [[nodiscard]] std::size_t waiters() const override { return workers_.size(); }
  void began(util::Nanos start) override;
  void request_stop() override;
  void wake() override;
  [[nodiscard]] bool still() const override;
  [[nodiscard]] bool completed() const override;
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos now) const override;
  void sample(util::Nanos now) override;
  void add_to(DeviceTotals& out, Detail detail) const override;
  [[nodiscard]] Flying flying() const override;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const override;

 private:
  void on_error(const engine::IoSlot& slot, ErrorClass error_class) override;
  void on_refusal(const std::string& what) override;
  void on_exit() override;
  void prepare_tuning();
  [[nodiscard]] const device::TargetFacts& facts() const { return setup_.target.facts; }
  [[nodiscard]] util::Nanos active_time(util::Nanos now) const;
  [[nodiscard]] MovedSoFar moved() const;
  [[nodiscard]] EngineState engine_state() const;
  [[nodiscard]] std::optional<double> seconds_left(std::uint64_t visited, util::Nanos passed) const;
  void fill_progress(util::Nanos passed, std::uint64_t visited, StageSnapshot& out) const;

  const Setup setup_;
  const IoSpec& io_;
  workload::BlockSource source_;
  std::array<std::unique_ptr<Tuning>, engine::kDirections> tunings_;  // by Direction; null where no data goes
  ErrorLog errors_;
  Rates rates_;
  std::atomic<util::Nanos> started_{0};
  util::Nanos paused_before_ = 0;  // of the gate, when it started
  std::mutex mutex_;               // guards active_
  std::condition_variable left_;
  std::size_t active_ = 0;                        // workers
  std::vector<std::unique_ptr<Worker>> workers_;  // last: they use all of the above until they are joined
};

}  // namespace spliced::run
