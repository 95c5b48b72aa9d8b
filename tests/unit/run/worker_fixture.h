// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>

#include <vector>

#include "plan/plan.h"
#include "run/data_origin.h"
#include "run/worker.h"
#include "unit/job/service_fixture.h"

namespace spliced::run {

using engine::IoSlot;
using testing::io;

// What a worker asks of its engine and tells its owner.
struct WorkerTest : testing::ServiceFixture, WorkerOwner {
  void on_error(const IoSlot& transfer, ErrorClass error_class) override {
    errors.emplace_back(transfer.offset, error_class);
    if (stop_on_error) stop_on_error();
  }
  void on_refusal(const std::string& what) override { refusal = what; }
  void on_doubt(const IoSlot& transfer) override { doubts.push_back(transfer.position); }
  void on_damage(const Miscompare& one, bool) override { damages.push_back(one); }
  void on_host_fault(HostFault fault, const std::string&) override { host_faults.push_back(fault); }
  bool before_io(std::atomic<util::Nanos>&, const std::stop_token&) override { return true; }
  void on_exit() override {
    has_target_at_exit = ::fcntl(target, F_GETFD) >= 0;
    exited = true;
  }

  void run(const plan::JobSpec& spec, const std::function<void(Worker&)>& meanwhile = {}) {
    auto anywhere = spec;
    io(anywhere).workload.cpus_allowed.clear();  // a CPU may go after the plan was made
    auto plan = plan::make_plan(admission, anywhere, "job-1");
    ASSERT_TRUE(plan);
    target = plan->devices.at(0).target.open->fd.get();
    const auto start_barrier = std::make_shared<StartBarrier>(clock);
    const StreamTimes times = times_of(std::get<StreamsSpec>(spec.stages[0].what), streams_of(spec.stages[0])[0]);
    PauseGate gate(clock);
    its_gate = &gate;
    const PauseWatch pauses(clock.now(), testing::kForever);
    const FlushWatch flushes;
    const Environment environment{clock,  log,    make_engine ? make_engine : faulty_engines(),
                                  memory, pauses, [](int) { return 0; }};
    const DevicePlan& device = plan->devices.at(0);
    const auto& [range, grant] = device.stages.at(0).streams.at(0);
    Tuning reading(engine::Direction::read, io(spec), device.target, grant, memory);
    workload::BlockSource source(io(spec).workload, range);
    Tuning writing(engine::Direction::write, io(spec), device.target, grant, memory);
    const auto on_target_thread = [&](std::function<void()> task) {
      (void)device::Answer<bool>(*plan->devices[0].target.thread, [&] {
        return task(), true;
      }).wait(util::system_clock().now() + testing::kPatienceNanos);
    };
    util::Result<std::unique_ptr<Worker>> worker;
    on_target_thread([&] {
      worker = Worker::create({io(spec),
                               times,
                               device.target,
                               grant,
                               0,
                               "test",
                               *this,
                               start_barrier,
                               environment,
                               source,
                               std::make_shared<const verify::Image>(payload_of(io(spec), 0), verify::Origin{}),
                               1,
                               nullptr,
                               damage_log,
                               {},
                               enough,
                               flushes,
                               gate,
                               {workload::reads(io(spec).workload.rw) ? &reading : nullptr,
                                workload::writes(io(spec).workload.rw) ? &writing : nullptr}});
      if (worker) (*worker)->start();
    });
    ASSERT_TRUE(worker);
    driven = worker->get();
    (void)start_barrier->set(1);
    start_barrier->let_go();
    if (meanwhile) meanwhile(**worker);
    ASSERT_TRUE(testing::await([&] { return exited.load(); }));
    completed = (*worker)->completed();
    in_flight_at_the_end = (*worker)->engine().in_flight().count;
    (*worker)->counters().add_to(totals);
    visited = (*worker)->visited_bytes();
    if (const WorkerCounters* counters = (*worker)->ramp()) counters->add_moved_to(ramp, Detail::all);
  }

  // Ten operations, with a pause after each but the last.
  void run_with_pauses(const plan::JobSpec& spec) {
    run(spec, [&](Worker& worker) {
      for (std::uint64_t i = 1; i <= 9; ++i) {
        ASSERT_TRUE(testing::await([&] { return operations_of(worker) >= i; }));
        EXPECT_EQ(operations_of(worker), i);
        clock.advance(io(spec).workload.thinktime);
      }
    });
  }
  static std::uint64_t operations_of(Worker& worker) {
    DeviceTotals now;
    worker.counters().add_to(now);
    return now.ops[0].operations;
  }

  std::string path = dir.file("target", 40'960);
  std::vector<std::pair<std::uint64_t, ErrorClass>> errors;
  std::atomic<bool> enough{false};
  TuningMemory memory;
  DamageBudget damage_budget;
  DamageLog damage_log{damage_budget};
  std::vector<std::uint64_t> doubts;
  std::vector<Miscompare> damages;
  std::vector<HostFault> host_faults;
  std::function<void()> stop_on_error;
  std::string refusal;
  int target = -1;
  bool has_target_at_exit = false;
  std::size_t in_flight_at_the_end = 0;
  EngineFactory make_engine;  // empty: faulty_engines()
  std::atomic<bool> exited{false};
  Worker* driven = nullptr;  // during run(), as the next
  PauseGate* its_gate = nullptr;
  bool completed = false;
  DeviceTotals totals, ramp;
  std::uint64_t visited = 0;
};

}  // namespace spliced::run
