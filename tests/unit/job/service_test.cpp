// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/service.h"

#include <condition_variable>
#include <fstream>
#include <future>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::contains;
using testing::endless;
using testing::io;
using testing::kPatienceNanos;
using testing::reading;
using testing::reads_of;
using testing::writes_of;
using testing::writing;
using util::Errc;

struct JobServiceTest : testing::ServiceFixture {
  std::string path = dir.file("target", 40'960);
  std::string other = dir.file("other", 8192);
};

TEST_F(JobServiceTest, AJobRunsToItsEnd) {
  start(null_engines());
  JobSpec spec = reading({path, other});
  spec.name = "first light";
  const auto submitted = service->submit(spec, access::itself());
  ASSERT_TRUE(submitted);
  EXPECT_EQ(submitted->spec.name, "first light");
  const JobSnapshot job = wait(submitted->id);
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::pass);
  EXPECT_EQ(job.reason, "");
  ASSERT_TRUE(job.started_at);
  ASSERT_TRUE(job.ended_at);
  EXPECT_LE(job.created_at, *job.started_at);
  EXPECT_LE(*job.started_at, *job.ended_at);
  ASSERT_EQ(job.devices.size(), 2U);
  EXPECT_EQ(job.devices[0].facts.path, path);
  EXPECT_EQ(reads_of(job.devices[0]).operations, 10U);
  EXPECT_EQ(reads_of(job.devices[1]).operations, 2U);
  EXPECT_EQ(job.devices[0].progress, 1.0);
}

TEST_F(JobServiceTest, ARecordOfTheRunningJobNeverComesAfterThatOfItsEnd) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> states;
  bool ended = false;
  store.before_put = [&](const store::StoredJob& job) {
    std::unique_lock lock(mutex);
    ended = ended || job.ended_at;
    changed.notify_all();
    // Gives the end a chance to overtake.
    if (job.state == state_name(State::running))
      changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return ended; });
    states.push_back(job.state);
  };
  start(null_engines());
  const std::string id = run(reading({path})).id;
  ASSERT_TRUE(await([&] {
    const auto record = store.find(id);
    return record && record->state == "SUCCEEDED" && record->verdict == "PASS";
  }));
  EXPECT_TRUE(service->stop_all(kPatienceNanos));
  EXPECT_EQ(states, (std::vector<std::string>{"RUNNING", "SUCCEEDED"}));
}

TEST_F(JobServiceTest, IdsAreVersion4Uuids) {
  start(null_engines());
  const std::string id = submit(reading({path}));
  ASSERT_EQ(id.size(), 36U);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) EXPECT_EQ(id[dash], '-');
  EXPECT_EQ(id[14], '4');
  EXPECT_TRUE(contains("89ab", std::string(1, id[19])));
  (void)wait(id);
  EXPECT_NE(submit(reading({path})), id);
}

TEST_F(JobServiceTest, AReadMovesEveryByteOnce) {
  start(faulty_engines());
  const std::string odd = dir.file("odd", 40'960 + 100);
  const JobSnapshot job = run(reading({odd}));
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(reads_of(job.devices.at(0)).operations, 11U);
  EXPECT_EQ(reads_of(job.devices[0]).bytes, 41'060U);
  EXPECT_EQ(reads_of(job.devices[0]).errors, 0U);
  EXPECT_EQ(writes_of(job.devices[0]).operations, 0U);
  EXPECT_GT(job.devices[0].engine_state.values[1], 0U) << "the size of a pipe";
}

TEST_F(JobServiceTest, WorkersAndLoopsShareTheBytesExactly) {
  start(faulty_engines());
  JobSpec spec = reading({path});
  io(spec).workload.workers = 3;
  io(spec).workload.loops = 2;
  io(spec).workload.rw = workload::Mode::randread;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(reads_of(job.devices.at(0)).operations, 20U);
  EXPECT_EQ(reads_of(job.devices[0]).bytes, 81'920U);
}

TEST_F(JobServiceTest, AWriteSaysOfEveryBlockWhatItIs) {
  start(faulty_engines());
  JobSpec spec = writing({dir / "new"});
  io(spec).workload.size = {false, 16'384, 0};
  io(spec).workload.seed = 77;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(writes_of(job.devices.at(0)).operations, 4U);
  EXPECT_EQ(writes_of(job.devices[0]).bytes, 16'384U);
  const verify::Origin origin{*verify::run_id_of(job.run_id), verify::device_identity(job.run_id + "#0"), 77};
  const verify::Image image({verify::PayloadKind::random, "", 0, 4096, true}, origin);
  std::vector<std::byte> data(16'384);
  std::ifstream(dir / "new", std::ios::binary).read(reinterpret_cast<char*>(data.data()), 16'384);
  EXPECT_EQ(image.check(data, 0, 1), data.size());
  EXPECT_EQ(std::filesystem::file_size(dir / "new"), 16'384U);
}

TEST_F(JobServiceTest, ATrimIsCounted) {
  start(faulty_engines());
  JobSpec spec = writing({path});
  io(spec).workload.rw = workload::Mode::trim;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(job.devices.at(0).ops[2].operations, 10U);
  EXPECT_EQ(job.devices[0].ops[2].bytes, 40'960U);
}

TEST_F(JobServiceTest, ASpecThatIsWrongIsInvalid) {
  start(null_engines());
  JobSpec spec = reading({"relative"});
  io(spec).workload.bs = 1;
  const util::Error error = refused(spec);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.size(), 2U);
  EXPECT_TRUE(service->list({}).empty());
  EXPECT_EQ(store.size(), 0U);
}

TEST_F(JobServiceTest, ATargetInUseNamesTheJobThatHoldsIt) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  const util::Error error = refused(reading({other, path}));
  EXPECT_EQ(error.code, Errc::conflict);
  EXPECT_TRUE(contains(error.message, id));
  EXPECT_EQ(error.details.at(0).pointer, "targets/1");
  EXPECT_EQ(run(reading({other})).state, State::succeeded);
}

TEST_F(JobServiceTest, CancellingIsIdempotent) {
  start(faulty_engines());
  block_reads_of(path);
  const std::string id = submit(endless({path}));
  ASSERT_TRUE(await_blocked());
  EXPECT_EQ(service->cancel(id, access::itself())->state, State::stopping);
  EXPECT_EQ(service->cancel(id, access::itself())->state, State::stopping);
  valve.open();
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.verdict, Verdict::none);
  EXPECT_EQ(job.reason, "cancelled on request");
  EXPECT_EQ(job.devices.at(0).state, State::cancelled);
  EXPECT_EQ(service->cancel(id, access::itself())->state, State::cancelled);
}

TEST_F(JobServiceTest, CancellingAJobThatSucceededChangesNothing) {
  start(null_engines());
  const std::string id = run(reading({path})).id;
  EXPECT_EQ(service->cancel(id, access::itself())->state, State::succeeded);
}

TEST_F(JobServiceTest, ASleepingWorkerIsWokenToBeCancelled) {
  start(null_engines());
  JobSpec spec = endless({path});
  io(spec).workload.thinktime = 3600 * util::kSecond;
  const std::string id = submit(spec);
  EXPECT_TRUE(service->cancel(id, access::itself()));
  EXPECT_EQ(wait(id).state, State::cancelled);
}

TEST_F(JobServiceTest, WhatDoesNotExistIsNotFound) {
  start(null_engines());
  EXPECT_EQ(service->get("none").error().code, Errc::not_found);
  EXPECT_EQ(service->wait("none", 0).error().code, Errc::not_found);
  EXPECT_EQ(service->cancel("none", access::itself()).error().code, Errc::not_found);
  EXPECT_EQ(service->forget("none", access::itself()).error().code, Errc::not_found);
  EXPECT_EQ(service->device("none").error().code, Errc::not_found);
}

TEST_F(JobServiceTest, WaitingEndsWithTheTime) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  EXPECT_EQ(service->wait(id, 0)->state, State::running);
  EXPECT_EQ(service->wait(id, 1'000'000)->state, State::running);
}

TEST_F(JobServiceTest, WaitingEndsWithTheJob) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  auto waiting = std::async(std::launch::async, [&] { return service->wait(id, 10 * kPatienceNanos)->state; });
  EXPECT_TRUE(service->cancel(id, access::itself()));
  ASSERT_EQ(waiting.wait_for(testing::kPatience), std::future_status::ready);
  EXPECT_EQ(waiting.get(), State::cancelled);
}

TEST_F(JobServiceTest, WaitingEndsWithTheDaemon) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  auto waiting = std::async(std::launch::async, [&] { return service->wait(id, 10 * kPatienceNanos)->state; });
  service->begin_shutdown();
  ASSERT_EQ(waiting.wait_for(testing::kPatience), std::future_status::ready);
  EXPECT_EQ(waiting.get(), State::running);
}

TEST_F(JobServiceTest, OnlyAnEndedJobCanBeForgotten) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  const auto refusal = service->forget(id, access::itself());
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code, Errc::conflict);
  EXPECT_TRUE(service->cancel(id, access::itself()));
  (void)wait(id);
  EXPECT_TRUE(service->forget(id, access::itself()));
  EXPECT_EQ(service->get(id).error().code, Errc::not_found);
  EXPECT_FALSE(store.find(id));
  EXPECT_EQ(service->forget(id, access::itself()).error().code, Errc::not_found);
}

TEST_F(JobServiceTest, ListsTheNewestFirstAndFilters) {
  start(null_engines());
  const std::string first = run(reading({path})).id;
  const std::string second = run(reading({other})).id;
  const std::string third = submit(endless({path}));
  const auto ids = [&](const JobFilter& filter) {
    std::vector<std::string> out;
    for (const auto& job : service->list(filter)) out.push_back(job.id);
    return out;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids({}), (Ids{third, second, first}));
  EXPECT_EQ(ids({State::succeeded, ""}), (Ids{second, first}));
  EXPECT_EQ(ids({State::running, ""}), Ids{third});
  EXPECT_EQ(ids({std::nullopt, other}), Ids{second});
  EXPECT_EQ(ids({State::succeeded, path}), Ids{first});
  EXPECT_EQ(ids({State::failed, ""}), Ids{});
  EXPECT_EQ(ids({std::nullopt, "/none"}), Ids{});
}

TEST_F(JobServiceTest, ValidatingTouchesNothing) {
  start(null_engines());
  JobSpec spec = writing({dir / "new"});
  io(spec).workload.size = {false, 4096, 0};
  EXPECT_TRUE(service->validate(spec, access::itself()).accepted());
  EXPECT_FALSE(dir.has("new"));
  EXPECT_FALSE(service->validate(reading({"/outside"}), access::itself()).accepted());
  EXPECT_TRUE(service->list({}).empty());
}

TEST_F(JobServiceTest, TheStoreHearsOfTheBeginningAndTheEnd) {
  start(null_engines());
  const std::string id = submit(endless({path}));
  ASSERT_TRUE(store.find(id));
  EXPECT_FALSE(store.find(id)->ended_at);
  EXPECT_TRUE(service->cancel(id, access::itself()));
  ASSERT_TRUE(await([&] { return store.find(id)->state == state_name(State::cancelled); }));
  const store::StoredJob record = store.find(id).value();
  EXPECT_EQ(store.text(id), testing::kFigures);
  EXPECT_EQ(record.devices, std::vector<std::string>{path});
  EXPECT_TRUE(record.ended_at);
}

TEST_F(JobServiceTest, ABrokenStoreDoesNotStopJobs) {
  start(null_engines());
  store.before_put = [this](const store::StoredJob&) { store.broken = true; };  // once it was accepted
  EXPECT_EQ(run(reading({path})).state, State::succeeded);
}

TEST_F(JobServiceTest, TelemetryCountsJobsAndDevices) {
  start(null_engines());
  (void)run(reading({path}));
  (void)run(reading({path}));
  const std::string id = submit(endless({other}));
  const Telemetry telemetry = service->telemetry();
  EXPECT_EQ(telemetry.jobs[static_cast<std::size_t>(State::succeeded)], 2U);
  EXPECT_EQ(telemetry.jobs[static_cast<std::size_t>(State::running)], 1U);
  EXPECT_EQ(telemetry.finished[static_cast<std::size_t>(State::succeeded)][1], 2U);
  ASSERT_EQ(telemetry.devices.size(), 2U);
  EXPECT_EQ(telemetry.devices[0].facts.name, other);
  EXPECT_EQ(telemetry.devices[0].activity, run::Activity::running);
  EXPECT_EQ(telemetry.devices[0].job_id, id);
  EXPECT_EQ(telemetry.devices[1].totals.ops[0].operations, 20U);
  EXPECT_EQ(telemetry.devices[1].activity, run::Activity::idle);
}

TEST_F(JobServiceTest, FinishedCountsOutliveTheJobs) {
  start(null_engines());
  EXPECT_TRUE(service->forget(run(reading({path})).id, access::itself()));
  const Telemetry telemetry = service->telemetry();
  EXPECT_EQ(telemetry.jobs[static_cast<std::size_t>(State::succeeded)], 0U);
  EXPECT_EQ(telemetry.finished[static_cast<std::size_t>(State::succeeded)][1], 1U);
}

TEST_F(JobServiceTest, ListsBlockDevicesAndWhyTheyMayNotBeWritten) {
  host.block("fakedisk0", "8:0", 2048);
  host.block("emptyslot0", "8:16", 0);
  start(null_engines());
  const auto devices = service->devices();
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_FALSE(devices[0].refusals.empty());
  EXPECT_EQ(devices[0].job, "");
  EXPECT_TRUE(service->device("fakedisk0"));
}

TEST_F(JobServiceTest, DevicesThatMayBeUsedAreIntroduced) {
  host.block("fakedisk0", "8:0", 2048);
  host.block("fakedisk1", "8:16", 2048);
  host.block("fakedisk2", "8:32", 0);
  admission.set_allow_list(device::AllowList({"/dev/fakedisk[02]"}));
  start(null_engines());
  service->look_at_targets();
  const auto devices = service->telemetry().devices;
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices[0].facts.name, "fakedisk0");
  EXPECT_EQ(devices[0].facts.size, 2048U * 512);
}

TEST_F(JobServiceTest, TheSupervisorShowsThatItIsAlive) {
  start(null_engines(), {}, clock);
  EXPECT_TRUE(service->alive(util::kSecond));
  clock.advance(3600 * util::kSecond);
  EXPECT_TRUE(await([&] { return service->alive(util::kSecond); }));
}

}  // namespace
}  // namespace spliced::job
