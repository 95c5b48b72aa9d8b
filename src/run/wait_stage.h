// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

#include "stage.h"

namespace spliced::run {

// Lets time pass, so that a disk may cool down or do what it does on its own.
class WaitStage final : public Stage {
 public:
  WaitStage(const Setup& setup, util::Nanos time)
      : clock_(setup.environment.clock),
        gate_(setup.gate),
        time_(time),
        passed_(setup.from != nullptr ? setup.from->at.active : 0),
        name_(setup.spec.name) {}

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>&) override { return {}; }
  [[nodiscard]] util::Status launch() override { return {}; }
  [[nodiscard]] bool wait(util::Nanos until) override;
  [[nodiscard]] std::optional<Checkpoint> checkpoint(util::Nanos now) const override;
  void on_flush_error(int) override {}
  [[nodiscard]] std::size_t waiters() const override { return 0; }
  void began(util::Nanos start) override;
  void request_stop() override { stopped_ = true; }
  void wake() override {}
  [[nodiscard]] bool still() const override { return true; }
  [[nodiscard]] bool completed() const override { return !stopped_; }
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos) const override { return std::nullopt; }
  void sample(util::Nanos) override {}
  void add_to(DeviceTotals&, Detail) const override {}
  void add_ramp_to(DeviceTotals&) const override {}
  [[nodiscard]] util::Nanos ramped(util::Nanos) const override { return 0; }
  [[nodiscard]] Flying flying() const override { return {}; }
  [[nodiscard]] StageEvidence evidence(util::Nanos, bool done) const override;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const override;

 private:
  [[nodiscard]] util::Nanos waited(util::Nanos now) const;

  util::Clock& clock_;
  PauseGate& gate_;
  const util::Nanos time_;
  const util::Nanos passed_;  // before a restart
  const std::string name_;
  util::Nanos paused_before_ = 0;  // of the gate, when it started
  std::atomic<util::Nanos> started_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace spliced::run
