// SPDX-License-Identifier: Apache-2.0
#include "run/device_run.h"

#include <fcntl.h>
#include <sys/file.h>

#include <map>

#include "run_fixture.h"

namespace spliced::run {
namespace {

using testing::await;
using testing::contains;
using testing::endless;
using testing::io;
using testing::reading;
using testing::writing;

struct DeviceRunTest : testing::RunFixture {
  // A run that has read five of ten blocks, and waits at the sixth until the valve is opened.
  std::shared_ptr<DeviceRun> half_done() {
    environment.engines = faulty_engines();
    sys.on_read = [this](ino_t, std::uint64_t offset) {
      if (offset == 20'480) valve.pass();
      return 0;
    };
    auto run = create(reading({path}));
    begin(*run);
    EXPECT_TRUE(await_blocked());
    return run;
  }
  std::string path = dir.file("target", 40'960);
};

TEST_F(DeviceRunTest, DoesEveryBlockAndGivesTheTargetBack) {
  const auto run = finished_run(reading({path}));
  EXPECT_EQ(run->outcome(State::cancelled), State::succeeded);
  EXPECT_FALSE(run->failed());
  EXPECT_EQ(run->job_id(), "job-1");
  const DeviceSnapshot snapshot = run->snapshot(clock.now(), State::succeeded);
  EXPECT_EQ(snapshot.ops[0].operations, 10U);
  EXPECT_EQ(snapshot.ops[0].bytes, 40'960U);
  EXPECT_EQ(snapshot.progress, 1.0);
  EXPECT_EQ(snapshot.eta_seconds, 0.0);
  EXPECT_TRUE(snapshot.asked_for[0]);
  EXPECT_FALSE(snapshot.asked_for[1]);
  EXPECT_EQ(admission.job_holding(run->facts().id, run->facts().whole), "");
  EXPECT_TRUE(await([&] { return changes == 1; }));  // told by the last worker on its way out
}

TEST_F(DeviceRunTest, HoldsTheClaimUntilTheLastWorkerHasLeft) {
  plan::JobSpec spec = endless({path});
  io(spec).workload.workers = 2;
  const auto run = create(spec);
  begin(*run);
  EXPECT_FALSE(run->finished());
  EXPECT_EQ(run->waiters(), 3U);
  EXPECT_EQ(admission.job_holding(run->facts().id, run->facts().whole), "job-1");
  run->request_stop();
  EXPECT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(admission.job_holding(run->facts().id, run->facts().whole), "");
  EXPECT_EQ(run->outcome(State::cancelled), State::cancelled);
  EXPECT_EQ(run->outcome(State::interrupted), State::interrupted);
}

// Each worker has a copy of the descriptors, and the lock goes with the last of them.
TEST_F(DeviceRunTest, WhenItIsFinishedTheKernelsLockIsFree) {
  const util::UniqueFd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  plan::JobSpec spec = writing({path});
  io(spec).workload.workers = 8;
  for (int i = 0; i < 25; ++i) {
    const auto run = finished_run(spec);
    ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "after run " << i;
    ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  }
}

// The second worker has a block that is not due before the end, and settings that it would have tried with it.
TEST_F(DeviceRunTest, AWorkerMayEndBeforeItsFirstBlockIsDue) {
  environment.engines = faulty_engines();
  plan::JobSpec spec = writing({dir.file("large", 4 << 20)});
  auto& w = std::get<StreamsSpec>(spec.stages[0].what).streams[0].io.workload;
  w.bs = 1 << 20;
  w.workers = 2;
  w.rate_iops = 1;
  w.runtime = util::kSecond / 2;
  w.end_fsync = true;
  const auto run = create(spec);
  begin(*run);
  DeviceTotals totals;
  ASSERT_TRUE(await([&] {
    totals = {};
    run->add_to(totals);
    return totals.ops[1].operations == 1;
  }));
  clock.advance(util::kSecond);
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::succeeded);
}

TEST_F(DeviceRunTest, ARunThatNeverBeganLetsGoOfItsTarget) {
  const device::NodeId id = create(reading({path}))->facts().id;
  EXPECT_EQ(admission.job_holding(id, id), "");
}

TEST_F(DeviceRunTest, AnAbortedStartDoesNothing) {
  const auto run = create(reading({path}));
  ASSERT_TRUE(run->start());
  start_barrier->abort();
  EXPECT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->snapshot(clock.now(), State::failed).ops[0].operations, 0U);
}

TEST_F(DeviceRunTest, TheFirstReasonOfAFailureStays) {
  const auto run = create(endless({path}));
  begin(*run);
  run->fail("first");
  run->fail("second");
  EXPECT_TRUE(await([&] { return run->finished(); }));
  EXPECT_TRUE(run->failed());
  EXPECT_EQ(run->outcome(State::cancelled), State::failed);
  EXPECT_EQ(run->snapshot(clock.now(), State::failed).reason, "first");
}

TEST_F(DeviceRunTest, WakingWorkersIsHarmlessBeforeDuringAndAfter) {
  const auto run = create(endless({path}));
  run->wake_workers();
  begin(*run);
  run->wake_workers();
  run->request_stop();
  run->wake_workers();
  EXPECT_TRUE(await([&] { return run->finished(); }));
  run->wake_workers();
  run->request_stop();
}

TEST_F(DeviceRunTest, NothingInFlightNeverStalls) {
  const auto run = create(reading({path}));
  run->check_stall(clock.now() + 3600 * util::kSecond);
  EXPECT_FALSE(run->stalled());
  begin(*run);
  EXPECT_TRUE(await([&] { return run->finished(); }));
  run->check_stall(clock.now() + 3600 * util::kSecond);
  EXPECT_FALSE(run->stalled());
  EXPECT_FALSE(run->failed());
}

TEST_F(DeviceRunTest, RatesAreThoseOfTheLastSecond) {
  const auto run = half_done();
  clock.advance(2 * util::kSecond);
  const DeviceSnapshot before = run->snapshot(clock.now(), State::running);
  EXPECT_DOUBLE_EQ(before.ops[0].bytes_per_second, 10'240) << "of the whole run, until a second of it was looked at";
  EXPECT_DOUBLE_EQ(before.ops[0].operations_per_second, 2.5);
  run->sample(clock.now());
  const DeviceSnapshot snapshot = run->snapshot(clock.now(), State::running);
  EXPECT_DOUBLE_EQ(snapshot.ops[0].operations_per_second, 2.5);
  EXPECT_DOUBLE_EQ(snapshot.ops[0].bytes_per_second, 10'240);
  EXPECT_DOUBLE_EQ(snapshot.progress, 0.5);
  EXPECT_DOUBLE_EQ(snapshot.eta_seconds.value(), 2.0);
  clock.advance(util::kSecond);
  run->sample(clock.now());
  EXPECT_EQ(run->snapshot(clock.now(), State::running).ops[0].operations_per_second, 0.0);
  valve.open();
  EXPECT_TRUE(await([&] { return run->finished(); }));
  const DeviceSnapshot ended = run->snapshot(clock.now() + 60 * util::kSecond, State::succeeded);
  EXPECT_NEAR(ended.ops[0].operations_per_second, 10.0 / 3, 1e-9);  // the end of the run counts, not that of the job
}

// Of 100 blocks, half take a tenth of a second each and the rest a second, or the reverse.
TEST_F(DeviceRunTest, TheRemainingTimeFollowsAStep) {
  environment.engines = faulty_engines();
  const std::string target = dir.file("step", 100 * 4096);
  for (const auto& [before, after] :
       {std::pair(util::kSecond / 10, util::kSecond), std::pair(util::kSecond, util::kSecond / 10)}) {
    std::shared_ptr<DeviceRun> run;
    std::map<std::uint64_t, double> left;  // seconds, by block
    sys.on_read = [&, before = before, after = after](ino_t, std::uint64_t offset) {
      const std::uint64_t block = offset / 4096;
      clock.advance(block < 50 ? before : after);
      run->sample(clock.now());
      left[block] = run->snapshot(clock.now(), State::running).eta_seconds.value_or(-1);
      return 0;
    };
    plan::JobSpec spec = reading({target});
    std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 65536;
    std::get<engine::SpliceOptions>(io(spec).engine).batch = 1;  // or the clock decides how many go together
    run = create(spec);
    begin(*run);
    ASSERT_TRUE(await([&] { return run->finished(); }));
    const double step = static_cast<double>(after) / 1e9;
    // Three seconds after the step, and from then on.
    for (std::uint64_t block = 50 + static_cast<std::uint64_t>(3 / step); block < 99; ++block) {
      const double truth = static_cast<double>(100 - block) * step;
      EXPECT_NEAR(left.at(block), truth, truth * 0.2 + step) << "at block " << block;
    }
  }
}

TEST_F(DeviceRunTest, AMomentInWhichNothingMovesIsNotTheEndOfTime) {
  const auto run = half_done();
  for (int i = 0; i < 10; ++i) {
    clock.advance(util::kSecond);
    run->sample(clock.now());
  }
  const double left = run->snapshot(clock.now(), State::running).eta_seconds.value();
  EXPECT_GT(left, 10) << "slower than the mean";
  EXPECT_LE(left, 110) << "and at most ten times as slow";
  valve.open();
  EXPECT_TRUE(await([&] { return run->finished(); }));
}

TEST_F(DeviceRunTest, TellsWhatIsInFlight) {
  environment.engines = faulty_engines();
  block_reads_of(path);
  const auto run = create(reading({path}));
  begin(*run);
  ASSERT_TRUE(await_blocked());
  clock.advance(3 * util::kSecond);
  RunTelemetry telemetry;
  run->describe(clock.now(), telemetry);
  EXPECT_EQ(telemetry.inflight, 1U);
  EXPECT_DOUBLE_EQ(telemetry.oldest_inflight_seconds, 3.0);
  EXPECT_EQ(telemetry.activity, Activity::running);
  EXPECT_EQ(telemetry.job_id, "job-1");
  EXPECT_FALSE(telemetry.last_completion);
  run->request_stop();
  run->describe(clock.now(), telemetry);
  EXPECT_EQ(telemetry.activity, Activity::stopping);
  run->check_stall(clock.now() + 60 * util::kSecond);
  run->describe(clock.now(), telemetry);
  EXPECT_EQ(telemetry.activity, Activity::stalled);
  valve.open();
  EXPECT_TRUE(await([&] { return run->finished(); }));
}

}  // namespace
}  // namespace spliced::run
