// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "error_log.h"
#include "io_stream.h"
#include "stage.h"

namespace spliced::run {

// I/O: one stream, or several beside each other. What fails is counted together.
class IoStage final : public Stage, private StreamOwner {
 public:
  // `order_of`: the stage whose order its workload follows; "": none.
  IoStage(const Setup& setup, const StreamsSpec& spec, const std::string& order_of = "");

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>& barrier) override;
  [[nodiscard]] util::Status launch() override;
  [[nodiscard]] bool wait(util::Nanos until) override;
  [[nodiscard]] std::optional<Checkpoint> checkpoint(util::Nanos now) const override;
  void describe(Checkpoint& out) const override;
  void add_before_to(DeviceTotals& out) const override;
  void note_flush() override;
  void on_flushed() override;
  void on_flush_error(int error) override;
  [[nodiscard]] std::uint32_t end_history() override;
  [[nodiscard]] std::size_t waiters() const override;
  void began(util::Nanos start) override;
  void request_stop() override;
  void wake() override;
  [[nodiscard]] bool still() const override;
  [[nodiscard]] bool completed() const override;
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos now) const override;
  void sample(util::Nanos now) override;
  void add_to(DeviceTotals& out, Detail detail) const override;
  void add_ramp_to(DeviceTotals& out) const override;
  [[nodiscard]] util::Nanos ramped(util::Nanos now) const override;
  [[nodiscard]] Flying flying() const override;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const override;

  [[nodiscard]] util::Nanos measured(util::Nanos now) const override { return active_time(now) - ramped(now); }
  [[nodiscard]] bool drained() const override;
  void finish() override;
  [[nodiscard]] StageFigures figures() const override;
  [[nodiscard]] StageEvidence evidence(util::Nanos now, bool done) const override;

 private:
  void on_error(const engine::IoSlot& slot, ErrorClass error_class) override;
  void on_refusal(const std::string& what) override;
  void on_damage(const Miscompare& one, bool first) override;
  void on_host_fault(HostFault fault, const std::string& what) override { setup_.owner.on_host_fault(fault, what); }
  [[nodiscard]] util::Nanos active_time(util::Nanos now) const;
  void add_flush_errors_to(StageSnapshot& out) const;
  void sum_up(util::Nanos now, const std::vector<StageSnapshot>& streams, State state, Detail detail,
              StageSnapshot& out) const;

  const Setup setup_;
  const StreamsSpec& spec_;
  StageBands bands_;
  ErrorLog errors_;
  DamageLog damage_{setup_.damage};
  std::array<std::atomic<std::uint64_t>, kErrorClasses> flush_errors_{};
  std::vector<std::unique_ptr<IoStream>> streams_;  // last: they use all of the above
};

}  // namespace spliced::run
