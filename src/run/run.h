// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "spliced/run/snapshot.h"

namespace spliced::run {

class DeviceRun;
struct Resumption;

// One device under one job, whatever becomes of it: it waits, it is worked on, or it is done with. Thread-safe.
class Run {
 public:
  virtual ~Run() = default;
  // Nothing is done on it, or ever will be, and nothing of it is held.
  [[nodiscard]] virtual bool finished() const = 0;
  [[nodiscard]] virtual bool wait_until_finished(util::Nanos limit) const = 0;
  [[nodiscard]] virtual bool failed() const = 0;
  [[nodiscard]] virtual bool stalled() const = 0;
  // Whether nothing is done on it while the job is paused.
  [[nodiscard]] virtual bool still() const = 0;
  virtual void request_stop() = 0;
  // To be called before that by a daemon that ends and leaves it to the next one to go on: how far it came is noted.
  virtual void leave_for_later() = 0;
  virtual void wake_workers() = 0;  // interrupts system calls; repeat until finished()
  // Fails the device when an operation has been in flight for longer than the stage's stall timeout.
  virtual void check_stall(util::Nanos now) = 0;
  virtual void sample(util::Nanos now) = 0;  // keeps the rates of the last second

  // What became of it; `stopped` is the state of a device that was stopped from outside.
  [[nodiscard]] virtual State outcome(State stopped) const = 0;
  // What it is shown as while the job is in state `job`.
  [[nodiscard]] virtual State state_in(State job) const = 0;
  // What it did so far, after the ramp times.
  [[nodiscard]] virtual DeviceSnapshot snapshot(util::Nanos now, State state, Detail detail = Detail::all) const = 0;
  [[nodiscard]] virtual const device::TargetFacts& facts() const = 0;
  // It, where it is worked on; else null.
  [[nodiscard]] virtual std::shared_ptr<DeviceRun> live() { return nullptr; }
};

// One that waits for its turn, or that was done with under an earlier daemon.
class IdleRun final : public Run {
 public:
  // `shown`: what it did before, if it did. `ended`: what it came to; none: it waits. `from`: where it will go on.
  explicit IdleRun(DeviceSnapshot shown, std::optional<State> ended = std::nullopt,
                   std::shared_ptr<const Resumption> from = nullptr)
      : shown_(std::move(shown)), from_(std::move(from)), ended_(ended) {}
  [[nodiscard]] const std::shared_ptr<const Resumption>& from() const { return from_; }

  void set_reason(const std::string& reason);  // why it waits
  void end(State state, const std::string& reason);
  [[nodiscard]] bool waits() const { return !finished(); }
  [[nodiscard]] std::string reason() const;

  [[nodiscard]] bool finished() const override;
  [[nodiscard]] bool wait_until_finished(util::Nanos) const override { return finished(); }
  [[nodiscard]] bool failed() const override;
  [[nodiscard]] bool stalled() const override { return false; }
  [[nodiscard]] bool still() const override { return true; }
  void request_stop() override { stopped_ = true; }
  void leave_for_later() override {}
  void wake_workers() override {}
  void check_stall(util::Nanos) override {}
  void sample(util::Nanos) override {}
  [[nodiscard]] State outcome(State stopped) const override;
  [[nodiscard]] State state_in(State job) const override;
  [[nodiscard]] DeviceSnapshot snapshot(util::Nanos now, State state, Detail detail) const override;
  [[nodiscard]] const device::TargetFacts& facts() const override { return shown_.facts; }

 private:
  const DeviceSnapshot shown_;
  const std::shared_ptr<const Resumption> from_;
  std::atomic<bool> stopped_{false};
  mutable std::mutex mutex_;  // guards the rest
  std::optional<State> ended_;
  std::string reason_;
};

}  // namespace spliced::run
