// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "job/device_run.h"
#include "service_fixture.h"

namespace spliced::testing {

// Device runs without a service around them.
struct RunFixture : ServiceFixture {
  job::TuningMemory tuning;
  job::CpuSeats seats;
  job::PauseWatch pauses{clock.now(), kForever};
  job::Environment environment{clock, log, null_engines(), tuning, seats, pauses};
  std::atomic<int> changes{0};

  std::shared_ptr<job::DeviceRun> create(const job::JobSpec& spec) {
    auto plan = job::make_plan(gate, spec, "job-1");
    EXPECT_TRUE(plan);
    if (!plan) return nullptr;
    start_line = std::make_shared<job::StartLine>(clock);
    auto run = job::DeviceRun::create(environment, "job-1", spec, std::move(plan->devices.at(0)), start_line,
                                      [this] { ++changes; });
    EXPECT_TRUE(run);
    return run ? *run : nullptr;
  }
  void begin(job::DeviceRun& run) {
    EXPECT_TRUE(run.start_workers());
    run.began(start_line->set(run.worker_count()));
    start_line->let_go();
  }
  std::shared_ptr<job::DeviceRun> finished_run(const job::JobSpec& spec) {
    auto run = create(spec);
    begin(*run);
    EXPECT_TRUE(await([&] { return run->finished(); }));
    return run;
  }

  std::shared_ptr<job::StartLine> start_line;
};

}  // namespace spliced::testing
