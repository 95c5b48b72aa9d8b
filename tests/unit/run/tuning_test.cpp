// SPDX-License-Identifier: Apache-2.0
#include "run/tuning.h"

#include "run_fixture.h"

namespace spliced::run {
namespace {

using engine::Direction;
using engine::Setting;
using testing::await;
using testing::io;
using testing::reading;
using testing::writing;
using Settings = std::vector<Setting>;

constexpr std::size_t kKiB = 1024;

plan::JobSpec of_block(std::uint64_t bs) {
  plan::JobSpec spec = reading({"/x"});
  io(spec).workload.bs = bs;
  return spec;
}

TEST(SettingsToTry, AsManyBlocksAsEachPipeHolds) {
  EXPECT_EQ(settings_to_try(io(of_block(4096)), Direction::read, {}),
            (Settings{{64 * kKiB, 1}, {64 * kKiB, 16}, {128 * kKiB, 32}, {256 * kKiB, 64}}));
  EXPECT_EQ(settings_to_try(io(of_block(512)), Direction::read, {}),
            settings_to_try(io(of_block(4096)), Direction::read, {}))
      << "a page each";
  EXPECT_EQ(settings_to_try(io(of_block(16384)), Direction::read, {}),
            (Settings{{64 * kKiB, 1}, {64 * kKiB, 4}, {128 * kKiB, 8}, {256 * kKiB, 16}, {1024 * kKiB, 64}}));
  EXPECT_EQ(settings_to_try(io(of_block(65536)), Direction::read, {}),
            (Settings{{64 * kKiB, 1}, {128 * kKiB, 2}, {256 * kKiB, 4}, {1024 * kKiB, 16}}));
}

TEST(SettingsToTry, LargeBlocksTryPipes) {
  EXPECT_EQ(settings_to_try(io(of_block(1 << 20)), Direction::read, {}),
            (Settings{{1024 * kKiB, 1}, {256 * kKiB, 1}, {128 * kKiB, 1}, {64 * kKiB, 1}}));
  EXPECT_EQ(settings_to_try(io(of_block(64 << 20)), Direction::read, {}),
            (Settings{{1024 * kKiB, 1}, {256 * kKiB, 1}, {128 * kKiB, 1}, {64 * kKiB, 1}}));
}

TEST(SettingsToTry, BlocksInBetweenTryBoth) {
  EXPECT_EQ(settings_to_try(io(of_block(131072)), Direction::read, {}),
            (Settings{{128 * kKiB, 1}, {64 * kKiB, 1}, {256 * kKiB, 2}, {1024 * kKiB, 8}}));
  EXPECT_EQ(settings_to_try(io(of_block(524288)), Direction::read, {}),
            (Settings{{512 * kKiB, 1}, {256 * kKiB, 1}, {128 * kKiB, 1}, {64 * kKiB, 1}, {1024 * kKiB, 2}}));
}

TEST(SettingsToTry, KeepToTheBudgetOfPipes) {
  EXPECT_EQ(settings_to_try(io(of_block(1 << 20)), Direction::read, {.pipe_limit = 300 * kKiB}),
            (Settings{{256 * kKiB, 1}, {128 * kKiB, 1}, {64 * kKiB, 1}}));
  EXPECT_EQ(settings_to_try(io(of_block(1 << 20)), Direction::read, {.pipe_limit = 16384}), (Settings{{16384, 1}}));
  EXPECT_EQ(settings_to_try(io(of_block(4096)), Direction::read, {.pipe_limit = 16384}),
            (Settings{{16384, 1}, {16384, 4}}));
  EXPECT_EQ(settings_to_try(io(of_block(65536)), Direction::read, {.pipe_limit = 131072}),
            (Settings{{65536, 1}, {131072, 2}}));
  EXPECT_EQ(settings_to_try(io(of_block(1 << 20)), Direction::read, {.pipe_limit = 4096}), (Settings{{8192, 1}}))
      << "what every pipe has";
  EXPECT_EQ(settings_to_try(io(of_block(1 << 20)), Direction::read, {.pipe_limit = 0}), (Settings{{8192, 1}}));
}

TEST(SettingsToTry, WhatTheJobSaysIsNotTried) {
  plan::JobSpec spec = of_block(1 << 20);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 2 << 20;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {.pipe_limit = 65536}), (Settings{{2048 * kKiB, 1}}));
  spec = of_block(4096);
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 7;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}), (Settings{{64 * kKiB, 7}}));
  spec = of_block(65536);
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 16;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}), (Settings{{1024 * kKiB, 16}}))
      << "a pipe that holds the batch";
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {.pipe_limit = 300 * kKiB}), (Settings{{256 * kKiB, 4}}))
      << "a batch that fits into the pipe";
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 1;
  io(spec).workload.bs = 1 << 20;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}).size(), 4U);
  spec = of_block(4096);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 131072;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}),
            (Settings{{128 * kKiB, 1}, {128 * kKiB, 4}, {128 * kKiB, 16}}));
}

TEST(SettingsToTry, ALargePipeAloneDoesNotMultiplyTheBuffers) {
  plan::JobSpec spec = of_block(1 << 20);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 64 << 20;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}), (Settings{{64 << 20, 1}}));
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 16;
  EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}), (Settings{{64 << 20, 16}})) << "as the job says";
}

TEST(SettingsToTry, WhatIsSpreadOverTimeIsNotBatched) {
  for (const int which : {0, 1, 2}) {
    plan::JobSpec spec = of_block(4096);
    if (which == 0) io(spec).workload.rate = 100;
    if (which == 1) io(spec).workload.rate_iops = workload::RateLimit(workload::PerOp(100, 0, 0));
    if (which == 2) io(spec).workload.thinktime = 1;
    if (which == 2) std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 65536;
    EXPECT_EQ(settings_to_try(io(spec), Direction::read, {}), (Settings{{64 * kKiB, 1}}));
  }
}

struct TuningTest : testing::RunFixture {
  DevicePlan plan_of(const plan::JobSpec& spec) {
    auto plan = plan::make_plan(admission, spec, "job-1");
    EXPECT_TRUE(plan);
    return std::move(plan->devices.at(0));
  }
  std::string path = dir.file("target", 4 << 20);
};

TEST_F(TuningTest, RemembersWhatAnEarlierJobFound) {
  plan::JobSpec spec = reading({path});
  {
    const DevicePlan plan = plan_of(spec);
    Tuning found(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning);
    EXPECT_FALSE(found.decided());
    EXPECT_EQ(found.snapshot().source, TuningSource::untried);
    EXPECT_EQ(found.setting(), (Setting{65536, 1}));
    found.decide(3, {3, 2, 1.5, 1});
    EXPECT_TRUE(found.decided());
    EXPECT_EQ(found.setting(), (Setting{262144, 64}));
    EXPECT_EQ(found.snapshot().source, TuningSource::measured);
    EXPECT_EQ(found.snapshot().tried.at(1).bytes_per_second, 5e8);
  }
  const DevicePlan plan = plan_of(spec);
  const Tuning again(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning);
  EXPECT_TRUE(again.decided());
  EXPECT_EQ(again.setting(), (Setting{262144, 64}));
  EXPECT_EQ(again.snapshot().source, TuningSource::remembered);
  EXPECT_EQ(again.snapshot().tried.size(), 4U);
}

TEST_F(TuningTest, WhatWasFoundForSomethingElseIsNotUsed) {
  const plan::JobSpec spec = reading({path});
  {
    const DevicePlan plan = plan_of(spec);
    Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
        .decide(2, {3, 2, 1, 4});
    EXPECT_FALSE(
        Tuning(Direction::write, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
            .decided());
  }
  plan::JobSpec other = spec;
  io(other).workload.bs = 8192;
  {
    const DevicePlan plan = plan_of(other);
    EXPECT_FALSE(
        Tuning(Direction::read, io(other), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
            .decided());
  }
  other = spec;
  io(other).workload.workers = 2;
  const DevicePlan plan = plan_of(other);
  EXPECT_FALSE(
      Tuning(Direction::read, io(other), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
          .decided());
}

TEST_F(TuningTest, AFindingThatNoLongerFitsIsMeasuredAnew) {
  plan::JobSpec spec = reading({path});
  io(spec).workload.bs = 1 << 20;
  DevicePlan plan = plan_of(spec);
  Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
      .decide(0, {1, 2, 3, 4});
  EXPECT_TRUE(Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
                  .decided());
  plan.stages.at(0).streams.at(0).grant.pipe_limit = 262144;
  Tuning scarce(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning);
  EXPECT_FALSE(scarce.decided());
  scarce.decide(1, {3, 1, 2});
  plan.stages.at(0).streams.at(0).grant.pipe_limit = kLargestGrant;
  EXPECT_EQ(Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
                .setting()
                .size,
            1U << 20)
      << "what was found while pipes were scarce is for such times";
}

TEST_F(TuningTest, WhatCouldNotBeToldIsNotRemembered) {
  const plan::JobSpec spec = reading({path});
  const DevicePlan plan = plan_of(spec);
  Tuning slow(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning);
  slow.decide(std::nullopt, {3, 2, 0, 0});
  EXPECT_TRUE(slow.decided());
  EXPECT_EQ(slow.setting(), slow.settings()[0]);
  EXPECT_EQ(slow.snapshot().source, TuningSource::inconclusive);
  EXPECT_FALSE(Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
                   .decided());
}

TEST_F(TuningTest, ChoicesThatAreNone) {
  plan::JobSpec spec = reading({path});
  io(spec).workload.bs = 65536;
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 1;
  const DevicePlan plan = plan_of(spec);
  EXPECT_EQ(Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
                .snapshot()
                .source,
            TuningSource::only_choice);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 65536;
  EXPECT_EQ(Tuning(Direction::read, io(spec), plan.target, plan.stages.at(0).streams.at(0).grant, RunFixture::tuning)
                .snapshot()
                .source,
            TuningSource::job);
}

TEST_F(TuningTest, TheMemoryIsBounded) {
  TuningMemory memory;
  for (std::size_t i = 0; i < TuningMemory::kMaxEntries + 10; ++i) memory.put(std::to_string(i), {});
  std::size_t known = 0;
  for (std::size_t i = 0; i < TuningMemory::kMaxEntries + 10; ++i) known += memory.find(std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(known, TuningMemory::kMaxEntries);
}

TEST_F(TuningTest, AJobMeasuresAndTheNextOneRemembers) {
  start(faulty_engines());
  plan::JobSpec spec = testing::endless({path});
  io(spec).workload.workers = 2;
  // Once more where the machine is too slow at the moment to tell.
  const auto tuned = [&] {
    const std::string id = submit(spec);
    EXPECT_TRUE(await([&] { return service->get(id)->devices.at(0).tuning.at(0).source != TuningSource::untried; }));
    EXPECT_TRUE(service->cancel(id, access::itself()));
    return wait(id);
  };
  for (const TuningSource source : {TuningSource::measured, TuningSource::remembered}) {
    job::JobSnapshot job = tuned();
    for (int i = 0; i < 10 && job.devices.at(0).tuning.at(0).source == TuningSource::inconclusive; ++i) job = tuned();
    EXPECT_EQ(job.devices.at(0).tuning.at(0).source, source);
    ASSERT_EQ(job.devices.at(0).tuning.size(), 1U);
    EXPECT_EQ(job.devices[0].tuning[0].direction, Direction::read);
    EXPECT_EQ(job.devices[0].tuning[0].tried.size(), 4U);
    for (const auto& tried : job.devices[0].tuning[0].tried) EXPECT_GT(tried.bytes_per_second, 0);
  }
}

TEST_F(TuningTest, AJobThatEndsBeforeSaysThatNothingWasMeasured) {
  start(null_engines());
  const job::JobSnapshot job = run(writing({path}));
  ASSERT_EQ(job.devices.at(0).tuning.size(), 1U);
  EXPECT_EQ(job.devices[0].tuning[0].direction, Direction::write);
  EXPECT_EQ(job.devices[0].tuning[0].source, TuningSource::untried);
}

}  // namespace
}  // namespace spliced::run
