// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "comparison.h"
#include "live_counters.h"
#include "pause_watch.h"
#include "plan.h"
#include "spliced/engine/engine.h"
#include "spliced/job/engine_factory.h"
#include "spliced/util/page_buffer.h"
#include "spliced/verify/payload.h"
#include "spliced/workload/generator.h"
#include "spliced/workload/pacer.h"
#include "start_barrier.h"
#include "tuning.h"

namespace spliced::job {

// What a worker tells its device. Called from the worker's thread, off the hot path.
class WorkerOwner {
 public:
  virtual ~WorkerOwner() = default;
  // An operation failed. The owner decides whether the device has had enough.
  virtual void on_error(const engine::Transfer& transfer, ErrorClass error_class) = 0;
  // What the job asks for is not to be had on this host: the worker does nothing.
  virtual void on_refusal(const std::string& what) = 0;
  virtual void on_exit() = 0;
};

// What an operation that did not succeed is counted as. Looks at the device where its size, or whether it may still be
// written, matters.
[[nodiscard]] ErrorClass classify_failure(const engine::Transfer& transfer, int fd);

// One thread that drives one device: generator → pacer → payload → engine → counters. What is due and goes in the same
// direction is handed to the engine together, as many blocks as the tuning says. The first worker of a device tries
// settings out; the others follow what it finds.
class Worker {
 public:
  struct Setup {
    const JobSpec& spec;
    const DevicePlan& plan;
    unsigned index;
    std::string thread_name;
    WorkerOwner& owner;
    std::shared_ptr<StartBarrier> barrier;
    util::Clock& clock;
    const EngineFactory& engines;
    const PauseWatch& pauses;                          // outlives it
    std::array<Tuning*, engine::kDirections> tunings;  // by Direction, null where the job moves no data; outlive it
  };
  // Allocates every buffer. On the target's thread, whose descriptors the engine and start()'s thread use.
  [[nodiscard]] static util::Result<std::unique_ptr<Worker>> create(const Setup& setup);
  ~Worker();  // stops and joins

  void start();  // throws std::system_error when there is no thread to be had
  void request_stop() { stop_.request_stop(); }
  void wake();  // interrupts a blocked system call; see util::wake_thread
  [[nodiscard]] bool finished() const { return finished_.load(std::memory_order_acquire); }
  // Whether it did everything it was meant to do, when it has finished.
  [[nodiscard]] bool completed() const { return completed_; }
  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] const engine::EngineCounters& engine_counters() const { return engine_->counters(); }
  [[nodiscard]] std::uint64_t total_bytes() const { return generator_.total_bytes(); }

 private:
  // One direction of data.
  struct DirectionState {
    Tuning* tuning = nullptr;
    std::unique_ptr<Comparison> comparison;  // of the worker that tries settings out, as long as it does
    std::size_t batch = 1;
    bool decided = true;
  };

  explicit Worker(const Setup& setup);
  void run(const std::stop_token& stop);
  void drive(const std::stop_token& stop, util::Nanos start);
  [[nodiscard]] bool next(workload::Request& out);
  [[nodiscard]] util::Nanos due(const workload::Pacer& pacer, const workload::Request& request) const;
  [[nodiscard]] bool think(const std::stop_token& stop, workload::Pacer& pacer, util::Nanos now);
  void gather(workload::Pacer& pacer, workload::Request request, util::Nanos due, util::Nanos now);
  void add(workload::Pacer& pacer, const workload::Request& request, util::Nanos due, std::size_t batch);
  [[nodiscard]] bool wait_until(const std::stop_token& stop, util::Nanos when);
  [[nodiscard]] util::Nanos perform(util::Nanos until, util::Nanos began);
  void record(const engine::Transfer& transfer, util::Nanos due);
  [[nodiscard]] DirectionState* state_of(util::Op op);
  [[nodiscard]] bool trying(util::Op op);
  void adapt(engine::Direction direction, DirectionState& state, util::Nanos began);
  void begin_cpu_wait(util::Nanos now);
  void add_cpu_wait(util::Nanos now);
  [[nodiscard]] std::uint64_t moved_if_done() const;

  // What every operation looks at comes first and together: a system call leaves little of it near the CPU.
  alignas(64) std::unique_ptr<engine::Engine> engine_;
  workload::Generator generator_;
  util::PageBuffer read_buffer_;
  util::Nanos deadline_ = 0;
  std::stop_source stop_;
  std::array<DirectionState, engine::kDirections> directions_;
  std::optional<workload::Request> held_;              // drawn, but not to go with those before it
  std::size_t count_ = 0;                              // of the two arrays that follow
  std::array<util::Nanos, engine::kMaxBatch> dues_{};  // 0: not paced
  std::array<engine::Transfer, engine::kMaxBatch> transfers_;
  WorkerCounters counters_;
  verify::PayloadSource payload_;

  const JobSpec& spec_;
  const int fd_;
  const unsigned index_;
  const std::string name_;
  WorkerOwner& owner_;
  const std::shared_ptr<StartBarrier> barrier_;
  util::Clock& clock_;
  const PauseWatch& pauses_;
  util::Nanos next_cpu_look_ = 0;
  util::Nanos waited_before_ = 0;  // for its CPU, before it began
  bool completed_ = false;
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace spliced::job
