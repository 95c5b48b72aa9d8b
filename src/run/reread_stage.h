// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io_stage.h"
#include "zone_watch.h"

namespace spliced::run {

// Reads what looks slow again, part by part, with nothing else under way. Where nothing does, it is done at once.
class RereadStage final : public Stage, private StageOwner {
 public:
  RereadStage(const Setup& setup, const RereadSpec& spec);

  [[nodiscard]] util::Status prepare(const std::shared_ptr<StartBarrier>& barrier) override;
  [[nodiscard]] util::Status launch() override;
  [[nodiscard]] bool wait(util::Nanos until) override;
  [[nodiscard]] std::optional<Checkpoint> checkpoint(util::Nanos) const override { return std::nullopt; }
  void on_flush_error(int) override {}
  [[nodiscard]] std::size_t waiters() const override;
  void began(util::Nanos start) override;
  void request_stop() override;
  void wake() override;
  [[nodiscard]] bool still() const override;
  [[nodiscard]] bool completed() const override { return done_ && !stopped_; }
  [[nodiscard]] std::optional<std::string> find_stall(util::Nanos now) const override;
  void sample(util::Nanos now) override;
  void add_to(DeviceTotals& out, Detail detail) const override;
  void add_ramp_to(DeviceTotals&) const override {}
  [[nodiscard]] util::Nanos ramped(util::Nanos) const override { return 0; }
  [[nodiscard]] Flying flying() const override;
  [[nodiscard]] StageEvidence evidence(util::Nanos now, bool done) const override;
  [[nodiscard]] StageFigures figures() const override;
  [[nodiscard]] StageSnapshot snapshot(util::Nanos now, State state, Detail detail) const override;

 private:
  // What a visit tells goes on to the device, whose errors are counted over all of them.
  void on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) override;
  void on_refusal(const std::string& what) override { setup_.owner.on_refusal(what); }
  void on_damage(const Miscompare& one, bool first) override { setup_.owner.on_damage(one, first); }
  void on_host_fault(HostFault fault, const std::string& what) override { setup_.owner.on_host_fault(fault, what); }
  // One part, in one visit; the stage that reads it refers to the others.
  struct Visit {
    StageSpec spec;
    StagePlan plan;
    std::unique_ptr<IoStage> stage;
  };
  using VisitPtr = std::shared_ptr<Visit>;
  [[nodiscard]] VisitPtr current() const;
  [[nodiscard]] workload::BlockRange range_of(std::size_t part) const;
  [[nodiscard]] std::size_t visits() const { return again_.bands.size() * (again_.twice ? 2 : 1); }
  [[nodiscard]] VisitPtr make_visit(std::size_t number);
  void add_rates(const StageFigures& figures);
  [[nodiscard]] bool end_visit();

  const Setup setup_;
  const RereadSpec& spec_;
  ZoneWatch::Again again_;
  std::vector<float> rates_;  // by band
  std::atomic<std::size_t> ended_{0};
  std::atomic<bool> done_{false}, stopped_{false};
  std::atomic<std::uint64_t> errors_before_{0};  // in the visits that have ended
  mutable std::mutex mutex_;                     // guards those that follow
  DeviceTotals before_;                          // of these visits
  std::vector<ErrorEntry> errors_;
  std::uint64_t errors_omitted_ = 0;
  VisitPtr current_;
};

}  // namespace spliced::run
