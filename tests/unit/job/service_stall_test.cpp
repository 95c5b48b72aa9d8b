// SPDX-License-Identifier: Apache-2.0
// A disk that hangs in the kernel is a failed device and nothing else.
#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::contains;
using testing::io;
using testing::kPatienceNanos;
using testing::policy;
using testing::reading;
using testing::reads_of;

struct JobServiceStall : testing::ServiceFixture {
  // Lets `by` pass and the supervisor look at all jobs at that time.
  void pass_time(util::Nanos by) {
    clock.advance(by);
    for (int round = 0; round < 2; ++round) {
      // The first nanosecond is seen at the start of a round, the second once that round is over.
      clock.advance(1);
      ASSERT_TRUE(await([&] { return service->alive(1); }));
    }
  }
  totals::DeviceTelemetry telemetry_of(const std::string& name) {
    for (auto& device : service->telemetry().devices) {
      if (device.facts.name == name) return device;
    }
    return {};
  }
  void begin(const JobSpec& spec) {
    start(faulty_engines(), {}, clock);
    block_reads_of(hung);
    id = submit(spec);
    ASSERT_TRUE(await_blocked());
  }
  JobSpec spec_of(std::vector<std::string> targets) {
    JobSpec spec = reading(std::move(targets));
    policy(spec).stall_timeout = 60 * util::kSecond;
    return spec;
  }
  std::string hung = dir.file("hung", 40'960);
  std::string good = dir.file("good", 40'960);
  std::string id;
};

TEST_F(JobServiceStall, FailsTheDeviceWhenTheTimeoutIsOver) {
  begin(spec_of({hung}));
  pass_time(59 * util::kSecond);
  EXPECT_EQ(state_of(id), State::running);
  EXPECT_EQ(telemetry_of(hung).activity, run::Activity::running);
  EXPECT_GE(telemetry_of(hung).oldest_inflight_seconds, 59.0);
  clock.advance(util::kSecond);
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.devices.at(0).state, State::failed);
  EXPECT_TRUE(contains(job.devices[0].reason, "stalled")) << job.devices[0].reason;
  EXPECT_EQ(telemetry_of(hung).activity, run::Activity::stalled);
}

TEST_F(JobServiceStall, KeepsTheClaimUntilTheWorkerComesBack) {
  begin(spec_of({hung}));
  clock.advance(60 * util::kSecond);
  EXPECT_EQ(wait(id).state, State::failed);
  EXPECT_TRUE(contains(refused(spec_of({hung})).message, "is claimed by job " + id));
  EXPECT_EQ(telemetry_of(hung).activity, run::Activity::stalled);
  EXPECT_EQ(telemetry_of(hung).inflight, 1U);
  valve.open();
  ASSERT_TRUE(await([&] { return telemetry_of(hung).activity == run::Activity::failed; }));
  EXPECT_EQ(telemetry_of(hung).inflight, 0U);
  EXPECT_EQ(run(spec_of({hung})).state, State::succeeded);
  EXPECT_EQ(telemetry_of(hung).activity, run::Activity::idle);
}

TEST_F(JobServiceStall, CountsWhatTheLateWorkerDidOnce) {
  begin(spec_of({hung}));
  clock.advance(60 * util::kSecond);
  EXPECT_EQ(reads_of(wait(id).devices.at(0)).operations, 0U);
  valve.open();
  ASSERT_TRUE(await([&] { return telemetry_of(hung).activity == run::Activity::failed; }));
  const std::uint64_t late = telemetry_of(hung).totals.ops[0].operations;
  EXPECT_LE(late, 1U);
  (void)run(spec_of({hung}));
  EXPECT_EQ(telemetry_of(hung).totals.ops[0].operations, late + 10);
}

TEST_F(JobServiceStall, LeavesTheOtherDevicesAlone) {
  begin(spec_of({hung, good}));
  ASSERT_TRUE(await([&] { return service->get(id)->devices.at(1).state == State::succeeded; }));
  EXPECT_EQ(state_of(id), State::running);
  clock.advance(60 * util::kSecond);
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.reason, "1 of 2 devices failed");
  EXPECT_EQ(job.devices.at(1).state, State::succeeded);
  EXPECT_EQ(reads_of(job.devices[1]).bytes, 40'960U);
  EXPECT_EQ(run(spec_of({good})).state, State::succeeded);
}

TEST_F(JobServiceStall, ProgressStandsStill) {
  JobSpec spec = spec_of({hung});
  io(spec).workload.time_based = true;
  io(spec).workload.runtime = 240 * util::kSecond;
  begin(spec);
  clock.advance(60 * util::kSecond);
  const JobSnapshot job = wait(id);
  EXPECT_DOUBLE_EQ(job.devices.at(0).progress, 0.25);
}

TEST_F(JobServiceStall, ProgressOfAStalledDeviceStandsStillWhileOthersGoOn) {
  JobSpec spec = spec_of({hung, good});
  io(spec).workload.time_based = true;
  io(spec).workload.runtime = 240 * util::kSecond;
  io(spec).workload.thinktime = 3000 * util::kSecond;  // nothing is in flight on the good one while time passes
  begin(spec);
  ASSERT_TRUE(await([&] { return reads_of(service->get(id)->devices.at(1)).operations == 1; }));
  ASSERT_TRUE(await([&] { return telemetry_of(good).inflight == 0; }));
  clock.advance(60 * util::kSecond);
  ASSERT_TRUE(await([&] { return service->get(id)->devices.at(0).state == State::failed; }));
  clock.advance(60 * util::kSecond);
  const JobSnapshot job = service->get(id).value();
  EXPECT_DOUBLE_EQ(job.devices.at(0).progress, 0.25);
  EXPECT_FALSE(job.devices[0].eta_seconds);
  EXPECT_DOUBLE_EQ(job.devices.at(1).progress, 0.5);
}

TEST_F(JobServiceStall, GivesTheJobsPlaceFree) {
  start(faulty_engines(), {1, 1, 10}, clock);
  block_reads_of(hung);
  id = submit(spec_of({hung}));
  ASSERT_TRUE(await_blocked());
  clock.advance(60 * util::kSecond);
  (void)wait(id);
  EXPECT_EQ(run(spec_of({good})).state, State::succeeded);
}

TEST_F(JobServiceStall, EndsAJobThatIsBeingCancelled) {
  begin(spec_of({hung}));
  EXPECT_EQ(service->cancel(id, access::itself())->state, State::stopping);
  pass_time(59 * util::kSecond);
  EXPECT_EQ(state_of(id), State::stopping);
  clock.advance(util::kSecond);
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.devices.at(0).state, State::failed);
}

TEST_F(JobServiceStall, DoesNotHoldUpTheApi) {
  begin(spec_of({hung}));
  EXPECT_TRUE(service->get(id));
  EXPECT_EQ(service->list({}).size(), 1U);
  EXPECT_EQ(service->telemetry().devices.size(), 1U);
  EXPECT_FALSE(service->forget(id, access::itself()));
  EXPECT_EQ(run(spec_of({good})).state, State::succeeded);
}

TEST_F(JobServiceStall, AStalledJobCanBeForgottenWhileItsWorkerIsStuck) {
  begin(spec_of({hung}));
  clock.advance(60 * util::kSecond);
  (void)wait(id);
  EXPECT_TRUE(service->forget(id, access::itself()));
  EXPECT_EQ(telemetry_of(hung).activity, run::Activity::stalled);
}

TEST_F(JobServiceStall, StoppingAllSaysThatAWorkerIsStillStuck) {
  begin(spec_of({hung}));
  clock.advance(60 * util::kSecond);
  (void)wait(id);
  EXPECT_FALSE(service->stop_all(1'000'000));
  valve.open();
  EXPECT_TRUE(await([&] { return service->stop_all(kPatienceNanos); }));
}

// "Waits for its workers", within the limit.
TEST_F(JobServiceStall, StoppingAllWaitsForAWorkerThatComesBack) {
  begin(spec_of({hung}));
  clock.advance(60 * util::kSecond);
  (void)wait(id);
  valve.open();
  EXPECT_TRUE(service->stop_all(kPatienceNanos));
}

TEST_F(JobServiceStall, AnOperationThatComesBackInTimeIsFine) {
  begin(spec_of({hung}));
  pass_time(59 * util::kSecond);
  valve.open();
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(reads_of(job.devices.at(0)).operations, 10U);
}

struct JobServicePause : JobServiceStall {
  // As if the whole process had been stopped meanwhile: the supervisor's next round is that late.
  void pause(util::Nanos by) {
    clock.advance(by);
    pass_time(0);
  }
  void begin(const JobSpec& spec) {
    ServiceLimits limits;
    limits.overdue = 10 * util::kSecond;
    start(faulty_engines(), limits, clock);
    block_reads_of(hung);
    id = submit(spec);
    ASSERT_TRUE(await_blocked());
  }
};

TEST_F(JobServicePause, MovesTheDeadlineOfWhatIsInFlight) {
  begin(spec_of({hung}));
  pause(3600 * util::kSecond);
  EXPECT_EQ(state_of(id), State::running);
  valve.open();
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(job.verdict, Verdict::pass);
}

TEST_F(JobServicePause, WhatSpansItIsCountedApartAndIsNoLatency) {
  begin(spec_of({hung}));
  pause(3600 * util::kSecond);
  valve.open();
  const JobSnapshot job = wait(id);
  const run::OpSnapshot& reads = reads_of(job.devices.at(0));
  EXPECT_EQ(reads.operations, 10U);
  EXPECT_EQ(reads.bytes, 40'960U);
  EXPECT_EQ(reads.across_pause, 1U);
  EXPECT_LT(reads.latency.max, 1.0);
}

TEST_F(JobServicePause, ADeviceThatHangsAfterwardsStillFails) {
  begin(spec_of({hung}));
  pause(3600 * util::kSecond);
  for (int i = 0; i < 7; ++i) pass_time(9 * util::kSecond);
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_TRUE(contains(job.devices.at(0).reason, "stalled")) << job.devices[0].reason;
}

}  // namespace
}  // namespace spliced::job
