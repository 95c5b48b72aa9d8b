// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <optional>
#include <stop_token>
#include <vector>

#include "calibrator.h"
#include "op_recorder.h"
#include "pause_gate.h"
#include "slot_pool.h"
#include "spliced/engine/engine.h"
#include "spliced/run/stage_spec.h"
#include "spliced/util/page_buffer.h"
#include "spliced/verify/write_buffers.h"
#include "spliced/workload/pacer.h"
#include "spliced/workload/request_feed.h"

namespace spliced::run {

// The loop of one worker: requests that are due go from the feed to the engine, and what comes back from it to the
// recorder. Allocates nothing while it runs. Belongs to the worker's thread.
class IoLoop {
 public:
  struct Parts {
    const workload::WorkloadSpec& workload;
    const StreamTimes& times;
    engine::Engine& engine;
    workload::RequestFeed& feed;
    Calibrator& calibrator;
    OpRecorder& recorder;
    BandsByOp bands;  // that it counts into after the ramp
    const std::atomic<bool>& enough;
    WorkerCounters& counters;
    WorkerCounters* ramp;  // of what ends before times.measured_from, which the recorder begins with; null: nothing
    util::Clock& clock;
    PauseGate& gate;
    std::byte* read_buffer;  // of all reads, where nobody looks at what was read; else of each slot
    Verifier* verifier;      // null: nothing is checked
    verify::WriteBuffers& write_buffers;
    std::uint32_t first_pass;  // of the first round; see verify::Tag
    std::size_t depth;         // slots: the largest batch of any setting
  };
  explicit IoLoop(const Parts& parts);

  // Until all is done, the time is up or a stop is requested. Whether all was done that was to be done. Called once.
  [[nodiscard]] bool run(const std::stop_token& stop, util::Nanos start);
  // Whether it sits out a pause. Any thread.
  [[nodiscard]] bool paused() const { return sitting_.load(std::memory_order_acquire); }

 private:
  using Request = workload::Request;
  [[nodiscard]] bool draw();
  [[nodiscard]] util::Nanos due_of(const Request& request) const;
  [[nodiscard]] bool over(const std::stop_token& stop, util::Nanos now) const;
  [[nodiscard]] bool wait_until(const std::stop_token& stop, util::Nanos when);
  [[nodiscard]] bool think(const std::stop_token& stop, util::Nanos now, std::size_t ended);
  void fill(util::Nanos now);
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool may_join(const Request& request) const;
  [[nodiscard]] bool add_run(util::Nanos now);
  engine::IoSlot& slot_for(const Request& request, util::Nanos due);
  void give_own_buffer(engine::IoSlot& slot);
  void check(const engine::IoSlot& slot);
  void submit();
  [[nodiscard]] util::Nanos reap(util::Nanos until);
  [[nodiscard]] util::Nanos reap_until(util::Nanos now) const;
  [[nodiscard]] bool paused_meanwhile() const { return with_.gate.changes() != pauses_seen_; }
  [[nodiscard]] util::Nanos sit_out_pause(const std::stop_token& stop);
  void begin_sample();
  void add_to_sample(std::size_t ended, util::Nanos now);
  void drain();
  void finish();
  void begin_times(util::Nanos start);
  [[nodiscard]] bool wait_for_begin(const std::stop_token& stop);
  void look(util::Nanos now);
  void end_ramp();
  void begin_cpu_wait();
  void add_cpu_wait();

  // What every operation looks at comes first and together: a system call leaves little of it near the CPU.
  Parts with_;
  const bool checks_reads_;
  const std::size_t depth_;  // slots
  Request head_;             // drawn, and not due yet or not to go with what is under way
  bool has_head_ = false;
  bool more_later_ = false;  // there is none now, and there will be
  bool paced_ = false;
  std::size_t outstanding_ = 0;  // submitted, and neither reaped nor withdrawn
  std::size_t fresh_ = 0;        // in new_, to be submitted
  bool alone_ = false;           // what is under way is nothing that others may join
  util::Op last_op_ = util::Op::read;
  util::Nanos sample_began_ = 0;  // 0: nothing is being tried
  util::Nanos deadline_ = 0;
  std::uint64_t pauses_seen_ = 0;  // see PauseGate::changes
  util::Nanos next_look_ = 0;      // see look()
  std::optional<workload::Pacer> pacer_;
  SlotPool slots_;
  std::vector<engine::IoSlot*> new_, ended_;
  std::atomic<bool> sitting_{false};
  std::uint64_t sample_bytes_ = 0;
  bool sample_failed_ = false;
  util::Nanos begin_ = 0, ramp_end_ = 0;
  std::uint64_t since_think_ = 0;  // operations
  util::Nanos paused_ = 0;         // of the gate, made up for
  WorkerCounters* counters_;       // that count now
  bool cpu_wait_known_ = false;
  util::Nanos waited_before_ = 0;  // for its CPU, before they counted
};

}  // namespace spliced::run
