// SPDX-License-Identifier: Apache-2.0
// A device that is led through several stages.
#include "run_fixture.h"
#include "spliced/util/cpus.h"

namespace spliced::run {
namespace {

using testing::await;
using testing::contains;

struct StagesTest : testing::RunFixture {
  static StageSpec io(std::string name, workload::Mode mode, unsigned workers = 1) {
    IoSpec spec;
    spec.workload.rw = mode;
    spec.workload.direct = false;
    spec.workload.workers = workers;
    return {std::move(name), StreamsSpec{{{"", 0, spec}}}, {}};
  }
  static StageSpec wait(std::string name, util::Nanos time) { return {std::move(name), WaitSpec{time}, {}}; }
  // Planned as one job that writes all of the target.
  std::shared_ptr<DeviceRun> begin_stages(std::vector<StageSpec> stages) {
    auto plan = plan::make_plan(admission, testing::writing({path}), "job-1");
    EXPECT_TRUE(plan);
    plan->devices.at(0).stages.resize(stages.size(), plan->devices.at(0).stages.at(0));
    start_barrier = std::make_shared<StartBarrier>(clock);
    auto run =
        DeviceRun::create(environment, {"job-1", ""}, std::make_shared<std::vector<StageSpec>>(std::move(stages)),
                          std::move(plan->devices.at(0)), start_barrier, gate, {[this] { ++changes; }});
    EXPECT_TRUE(run);
    if (run) begin(**run);
    return run ? *run : nullptr;
  }
  static std::vector<State> states_of(const DeviceSnapshot& device) {
    std::vector<State> out;
    for (const StageSnapshot& stage : device.stages) out.push_back(stage.state);
    return out;
  }
  std::string path = dir.file("target", 40'960);
};

TEST_F(StagesTest, ComeOneAfterTheOtherAndAddUp) {
  environment.engines = faulty_engines();
  const auto run = begin_stages(
      {io("fill", workload::Mode::write), wait("cool", 10 * util::kSecond), io("check", workload::Mode::read, 3)});
  ASSERT_TRUE(await([&] { return run->snapshot(clock.now(), State::running).stages[1].state == State::running; }));
  DeviceSnapshot seen = run->snapshot(clock.now(), State::running);
  EXPECT_EQ(states_of(seen), (std::vector{State::succeeded, State::running, State::pending}));
  EXPECT_EQ(seen.stages[0].name, "fill");
  EXPECT_EQ(seen.stages[0].ops[1].bytes, 40'960U);
  EXPECT_EQ(seen.stages[1].eta_seconds, 10.0);
  EXPECT_EQ(seen.ops[0].bytes, 0U);
  EXPECT_DOUBLE_EQ(seen.progress, 1.0 / 3);
  EXPECT_EQ(admission.job_holding(run->facts().id, run->facts().whole), "job-1") << "the claim outlives the workers";
  clock.advance(5 * util::kSecond);
  EXPECT_DOUBLE_EQ(run->snapshot(clock.now(), State::running).progress, 0.5);
  clock.advance(5 * util::kSecond);
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::succeeded);
  seen = run->snapshot(clock.now(), State::succeeded);
  EXPECT_EQ(states_of(seen), (std::vector(3, State::succeeded)));
  EXPECT_EQ(seen.stages[2].ops[0].operations, 10U);
  EXPECT_EQ(seen.stages[2].ops[1].operations, 0U);
  EXPECT_EQ(seen.ops[0].operations, 10U);
  EXPECT_EQ(seen.ops[1].operations, 10U);
  EXPECT_EQ(seen.progress, 1.0);
  DeviceTotals totals;
  run->add_to(totals);
  EXPECT_EQ(totals.ops[0].latency.count(), 10U);
  EXPECT_EQ(totals.ops[1].latency.count(), 10U);
  EXPECT_EQ(admission.job_holding(run->facts().id, run->facts().whole), "");
}

TEST_F(StagesTest, AFailureEndsTheDeviceWhereItIs) {
  environment.engines = faulty_engines();
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 8'192 ? EIO : 0; };
  const auto run = begin_stages(
      {io("fill", workload::Mode::write), io("check", workload::Mode::read), io("again", workload::Mode::write)});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::failed);
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::failed);
  EXPECT_EQ(states_of(seen), (std::vector{State::succeeded, State::failed, State::pending}));
  EXPECT_EQ(seen.stages[0].reason, "");
  EXPECT_TRUE(contains(seen.stages[1].reason, "1 errors, 0 allowed"));
  EXPECT_EQ(seen.stages[1].errors.size(), 1U);
  EXPECT_EQ(seen.errors.size(), 1U);
  EXPECT_EQ(seen.stages[2].ops[1].operations, 0U);
  EXPECT_EQ(seen.ops[1].operations, 10U);
}

TEST_F(StagesTest, EachHasItsOwnErrorPolicy) {
  environment.engines = faulty_engines();
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 8'192 ? EIO : 0; };
  StageSpec lenient = io("lenient", workload::Mode::read);
  lenient.error_policy.max_errors = 1;
  const auto run = begin_stages({lenient, lenient, io("strict", workload::Mode::read)});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::failed);
  EXPECT_EQ(states_of(seen), (std::vector{State::succeeded, State::succeeded, State::failed}));
  EXPECT_EQ(seen.ops[0].errors, 3U);
  EXPECT_EQ(seen.errors.size(), 3U) << "by stage";
}

TEST_F(StagesTest, AStageThatMovedNothingIsKnown) {
  environment.engines = faulty_engines();
  sys.on_read = [](ino_t, std::uint64_t) { return EIO; };
  StageSpec empty = io("empty", workload::Mode::read);
  empty.error_policy.max_errors = 1'000;
  const auto run = begin_stages({io("fill", workload::Mode::write), wait("cool", 0), empty});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::succeeded);
  for (const Detail detail : {Detail::counts, Detail::all}) {
    EXPECT_EQ(run->snapshot(clock.now(), State::succeeded, detail).idle_stage, "empty");
  }
}

TEST_F(StagesTest, AStopEndsAWaitAtOnce) {
  const auto run = begin_stages({wait("cool", 3600 * util::kSecond), io("check", workload::Mode::read)});
  EXPECT_EQ(run->waiters(), 1U);
  run->request_stop();
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::cancelled);
  EXPECT_EQ(states_of(run->snapshot(clock.now(), State::cancelled)), (std::vector{State::cancelled, State::pending}));
}

TEST_F(StagesTest, APauseStopsTheClockOfAWait) {
  const auto run = begin_stages({wait("cool", 10 * util::kSecond), io("check", workload::Mode::read)});
  const auto left = [&] { return run->snapshot(clock.now(), State::running).stages[0].eta_seconds; };
  clock.advance(4 * util::kSecond);
  gate->close();
  clock.advance(3600 * util::kSecond);
  EXPECT_EQ(left(), 6.0);
  EXPECT_TRUE(run->still());
  RunTelemetry telemetry;
  run->describe(clock.now(), telemetry);
  EXPECT_EQ(telemetry.activity, Activity::paused);
  gate->open();
  clock.advance(5 * util::kSecond);
  EXPECT_EQ(left(), 1.0);
  clock.advance(util::kSecond);
  ASSERT_TRUE(await([&] { return run->finished(); }));
}

TEST_F(StagesTest, AStageThatBeginsInAPauseWaitsForItsEnd) {
  environment.engines = faulty_engines();
  const auto run = begin_stages({wait("cool", util::kSecond), io("check", workload::Mode::read, 2)});
  gate->close();
  EXPECT_FALSE(run->finished());
  gate->open();
  clock.advance(util::kSecond);
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->snapshot(clock.now(), State::succeeded).ops[0].operations, 10U);
}

// What the daemon lacks for a later stage is not the device's fault.
TEST_F(StagesTest, WhatALaterStageCannotHaveIsNotTheDevicesDoing) {
  StageSpec absurd = io("absurd", workload::Mode::read);
  std::get<StreamsSpec>(absurd.what).streams[0].io.workload.cpus_allowed = {util::kMaxCpus - 1};
  if (util::allowed_cpus().back() == util::kMaxCpus - 1) GTEST_SKIP() << "this machine has every CPU there may be";
  const auto run = begin_stages({io("fill", workload::Mode::write), absurd});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::failed);
  EXPECT_TRUE(contains(seen.reason, "not the device's doing"));
  EXPECT_TRUE(seen.unmeasured);
}

// Readers and a stop at any moment, the changes from stage to stage above all.
TEST_F(StagesTest, CanBeReadAndStoppedAtAnyMoment) {
  for (int i = 0; i < 30; ++i) {
    std::vector<StageSpec> stages;
    for (int n = 0; n < 20; ++n) stages.push_back(io("", n % 2 == 0 ? workload::Mode::write : workload::Mode::read, 2));
    const auto run = begin_stages(stages);
    std::uint64_t before = 0;
    for (int look = 0; !run->finished(); ++look) {
      if (look == i * 3) run->request_stop();
      DeviceTotals totals;
      run->add_to(totals);
      const std::uint64_t bytes = totals.ops[0].bytes + totals.ops[1].bytes;
      EXPECT_GE(bytes, before) << "what was counted is not lost between two stages";
      before = bytes;
      RunTelemetry telemetry;
      run->describe(clock.now(), telemetry);
      run->check_stall(clock.now());
      run->sample(clock.now());
      run->wake_workers();
    }
    const DeviceSnapshot seen = run->snapshot(clock.now(), State::cancelled);
    std::uint64_t sum = 0;
    for (const StageSnapshot& stage : seen.stages) sum += stage.ops[0].bytes + stage.ops[1].bytes;
    EXPECT_EQ(seen.ops[0].bytes + seen.ops[1].bytes, sum);
  }
}

}  // namespace
}  // namespace spliced::run
