// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "plan/plan.h"
#include "run/device_run.h"
#include "unit/job/service_fixture.h"

namespace spliced::testing {

// Device runs without a service around them.
struct RunFixture : ServiceFixture {
  run::TuningMemory tuning;
  run::PauseWatch pauses{clock.now(), kForever};
  std::function<int(int)> flush = [](int) { return 0; };
  std::function<void(run::Checkpoint)> on_checkpoint = [](const run::Checkpoint&) {};
  run::Environment environment{clock, log, null_engines(), tuning, pauses, [this](int fd) { return flush(fd); }};
  std::atomic<int> changes{0};

  std::shared_ptr<run::DeviceRun> create(const plan::JobSpec& spec) {
    auto plan = plan::make_plan(admission, spec, "job-1");
    EXPECT_TRUE(plan);
    if (!plan) return nullptr;
    start_barrier = std::make_shared<run::StartBarrier>(clock);
    auto run = run::DeviceRun::create(
        environment, {"job-1", spec.name}, plan->stages, std::move(plan->devices.at(0)), start_barrier, gate,
        {[this] { ++changes; }, [this](run::Checkpoint at) { on_checkpoint(std::move(at)); }});
    EXPECT_TRUE(run);
    return run ? *run : nullptr;
  }
  void begin(run::DeviceRun& run) {
    EXPECT_TRUE(run.start());
    run.began(start_barrier->set(run.waiters()));
    start_barrier->let_go();
  }
  std::shared_ptr<run::DeviceRun> start_run(const plan::JobSpec& spec) {
    auto run = create(spec);
    begin(*run);
    return run;
  }
  std::shared_ptr<run::DeviceRun> finished_run(const plan::JobSpec& spec) {
    auto run = create(spec);
    begin(*run);
    EXPECT_TRUE(await([&] { return run->finished(); }));
    return run;
  }

  std::shared_ptr<run::PauseGate> gate = std::make_shared<run::PauseGate>(clock);
  std::shared_ptr<run::StartBarrier> start_barrier;
};

}  // namespace spliced::testing
