// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "device_plan.h"
#include "environment.h"
#include "io_loop.h"
#include "spliced/run/engine_factory.h"
#include "start_barrier.h"

namespace spliced::run {

// One thread that drives one device, with a descriptor table of its own, and what its loop works with. The first worker
// of a stream tries settings out; the others follow what it finds.
class Worker {
 public:
  struct Setup {
    const IoSpec& spec;
    const StreamTimes& times;
    const HeldTarget& target;
    const ResourceGrant& grant;
    unsigned index;
    std::string thread_name;
    WorkerOwner& owner;
    std::shared_ptr<StartBarrier> barrier;
    const Environment& environment;                    // outlives it
    workload::BlockSource& source;                     // of all workers of the device; outlives it
    std::shared_ptr<const verify::Image> image;        // what is written
    std::uint32_t first_pass;                          // of the first round
    const Expectation* expectation;                    // of what is read; null: nothing is checked
    DamageLog& damage;                                 // outlives it
    BandsByOp bands;                                   // outlive it
    const std::atomic<bool>& enough;                   // ends it as done; outlives it
    const FlushWatch& flushes;                         // outlives it
    PauseGate& gate;                                   // outlives it
    std::array<Tuning*, engine::kDirections> tunings;  // by Direction, null where the job moves no data; outlive it
  };
  // Allocates every buffer. On the target's thread, whose descriptors start()'s thread copies.
  [[nodiscard]] static util::Result<std::unique_ptr<Worker>> create(const Setup& setup);
  ~Worker();  // stops and joins

  void start();  // throws std::system_error when there is no thread to be had
  void request_stop() { stop_.request_stop(); }
  void wake();  // interrupts a blocked system call; see util::wake_thread
  [[nodiscard]] bool finished() const { return finished_.load(std::memory_order_acquire); }
  // Whether it did everything it was meant to do, when it has finished.
  [[nodiscard]] bool completed() const { return completed_; }
  // Whether it does nothing while the job is paused, or ever again.
  [[nodiscard]] bool still() const { return finished() || loop_->paused(); }
  // Of what ended after the ramp time, and in it; null without one.
  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] const WorkerCounters* ramp() const { return ramp_.get(); }
  // Of both; see WorkerCounters.
  [[nodiscard]] std::uint64_t visited_bytes() const;
  [[nodiscard]] util::Nanos last_completion() const;
  [[nodiscard]] const engine::Engine& engine() const { return *engine_; }
  // What its checks came to; null where it checks nothing.
  [[nodiscard]] const LiveVerify* verified() const { return verifier_ ? &verifier_->counters() : nullptr; }
  // Since when it has been reading, beside its workload, to see what is there; 0: it is not.
  [[nodiscard]] util::Nanos looking_since() const { return looking_since_.load(std::memory_order_relaxed); }
  // Since when it has been closing its descriptors, which may write back and may hang; 0: it is not.
  [[nodiscard]] util::Nanos closing_since() const { return closing_since_.load(std::memory_order_relaxed); }

 private:
  explicit Worker(const Setup& setup);
  [[nodiscard]] util::Status allocate(const Setup& setup);
  void make_verifier(const Setup& setup);
  void run(const std::stop_token& stop);
  [[nodiscard]] bool bind();

  const workload::WorkloadSpec& workload_;
  const StreamTimes& times_;
  const std::string name_;
  WorkerOwner& owner_;
  const std::shared_ptr<StartBarrier> barrier_;
  util::Clock& clock_;
  std::stop_source stop_;
  std::unique_ptr<engine::Engine> engine_;
  workload::RequestFeed feed_;
  Calibrator calibrator_;
  WorkerCounters counters_;
  const std::unique_ptr<WorkerCounters> ramp_;
  OpRecorder recorder_;
  util::PageBuffer read_buffer_;
  verify::WriteBuffers write_buffers_;
  std::atomic<util::Nanos> looking_since_{0};
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<IoLoop> loop_;
  bool completed_ = false;
  std::atomic<util::Nanos> closing_since_{0};
  std::atomic<bool> started_{false}, finished_{false};  // `thread_` may be used by others from `started_` on
  std::thread thread_;
};

}  // namespace spliced::run
