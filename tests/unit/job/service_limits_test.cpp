// SPDX-License-Identifier: Apache-2.0
// Limits, state changes, and how the service comes and goes.
#include "job/quota.h"
#include "plan/needs.h"
#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::contains;
using testing::endless;
using testing::io;
using testing::kPatienceNanos;
using testing::reading;
using util::Errc;

struct JobServiceLimits : testing::ServiceFixture {
  std::string first = dir.file("first", 40'960);
  std::string second = dir.file("second", 40'960);
};

TEST_F(JobServiceLimits, OnlySoManyJobsRun) {
  start(null_engines(), {1, 100, 100});
  const std::string id = submit(endless({first}));
  const util::Error error = refused(reading({second}));
  EXPECT_EQ(error.code, Errc::exhausted);
  EXPECT_TRUE(contains(error.message, "1 jobs are running"));
  EXPECT_TRUE(service->cancel(id, access::itself()));
  (void)wait(id);
  EXPECT_EQ(run(reading({second})).state, State::succeeded);
}

TEST_F(JobServiceLimits, OnlySoManyWorkersRun) {
  start(null_engines(), {100, 4, 100});
  JobSpec spec = endless({first});
  io(spec).workload.workers = 5;
  EXPECT_EQ(refused(spec).code, Errc::exhausted);
  io(spec).workload.workers = 3;
  const std::string id = submit(spec);
  JobSpec more = reading({second});
  io(more).workload.workers = 2;
  EXPECT_EQ(refused(more).code, Errc::exhausted);
  io(more).workload.workers = 1;
  EXPECT_EQ(run(more).state, State::succeeded);
  EXPECT_TRUE(service->cancel(id, access::itself()));
  (void)wait(id);
  io(spec).workload.workers = 4;
  EXPECT_NE(submit(spec), "");
}

TEST_F(JobServiceLimits, ARefusedJobUsesNothingUp) {
  start(null_engines(), {1, 1, 100});
  for (int i = 0; i < 3; ++i) (void)refused(reading({"/outside"}));
  EXPECT_EQ(run(reading({first})).state, State::succeeded);
}

TEST_F(JobServiceLimits, OnlySoManyEndedJobsAreKept) {
  start(null_engines(), {100, 100, 2});
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(run(reading({first})).id);
  EXPECT_TRUE(await([&] { return service->list({}).size() == 2; }));
  EXPECT_EQ(service->get(ids[0]).error().code, Errc::not_found);
  EXPECT_TRUE(service->get(ids[1]));
  EXPECT_TRUE(service->get(ids[2]));
}

// The store would grow for as long as the daemon lives.
TEST_F(JobServiceLimits, AJobThatIsNotKeptLeavesTheStoreToo) {
  start(null_engines(), {100, 100, 2});
  for (int i = 0; i < 4; ++i) (void)run(reading({first}));
  EXPECT_TRUE(await([&] { return service->list({}).size() == 2; }));
  EXPECT_TRUE(await([&] { return store.size() == 2; }));
}

TEST_F(JobServiceLimits, NothingIsAcceptedOnceItShutsDown) {
  start(null_engines());
  EXPECT_TRUE(service->accepting());
  const std::string id = submit(endless({first}));
  service->begin_shutdown();
  EXPECT_FALSE(service->accepting());
  EXPECT_EQ(refused(reading({second})).code, Errc::unavailable);
  EXPECT_EQ(state_of(id), State::running);  // until it is stopped
}

TEST_F(JobServiceLimits, StoppingAllInterruptsEveryJob) {
  start(null_engines());
  const std::string one = submit(endless({first}));
  const std::string two = submit(endless({second}));
  EXPECT_TRUE(service->stop_all(kPatienceNanos));
  for (const auto& id : {one, two}) {
    const JobSnapshot job = service->get(id).value();
    EXPECT_EQ(job.state, State::interrupted);
    EXPECT_EQ(job.verdict, Verdict::none);
    EXPECT_EQ(job.reason, "the daemon was stopped");
    EXPECT_EQ(store.find(id)->state, state_name(State::interrupted));
    EXPECT_EQ(job.devices.at(0).state, State::interrupted);
  }
  EXPECT_TRUE(service->stop_all(kPatienceNanos));  // once more
  EXPECT_EQ(refused(reading({first})).code, Errc::unavailable);
}

TEST_F(JobServiceLimits, AJobThatWasCancelledFirstStaysCancelled) {
  start(faulty_engines());
  block_reads_of(first);
  const std::string id = submit(endless({first}));
  ASSERT_TRUE(await_blocked());
  EXPECT_TRUE(service->cancel(id, access::itself()));
  EXPECT_FALSE(service->stop_all(1));
  valve.open();
  EXPECT_TRUE(service->stop_all(kPatienceNanos));
  EXPECT_EQ(state_of(id), State::cancelled);
}

TEST_F(JobServiceLimits, AStuckWorkerDoesNotHoldUpTheEnd) {
  start(faulty_engines());
  block_reads_of(first);
  const std::string id = submit(reading({first}));
  ASSERT_TRUE(await_blocked());
  EXPECT_FALSE(service->stop_all(1'000'000));
  const store::StoredJob record = store.find(id).value();
  EXPECT_EQ(record.state, state_name(State::interrupted));
  EXPECT_EQ(record.reason, "the daemon was stopped while a device did not answer");
  EXPECT_TRUE(record.ended_at);
}

// What was stored when the job began named its devices; what replaces it must not lose them.
TEST_F(JobServiceLimits, TheRecordOfAStuckJobNamesItsDevices) {
  start(faulty_engines());
  block_reads_of(first);
  const std::string id = submit(reading({first}));
  ASSERT_TRUE(await_blocked());
  EXPECT_EQ(store.find(id)->devices, std::vector<std::string>{first});
  EXPECT_FALSE(service->stop_all(1'000'000));
  EXPECT_EQ(store.find(id)->devices, std::vector<std::string>{first});
}

// Between its first line in the store and its start a job is PENDING and can be found.
TEST_F(JobServiceLimits, APendingJobCanBeCancelled) {
  start(null_engines());
  store.before_accept = [this](const store::StoredJob& job) { EXPECT_TRUE(service->cancel(job.id, access::itself())); };
  const auto submitted = service->submit(endless({first}), access::itself());
  ASSERT_TRUE(submitted);
  EXPECT_EQ(service->wait(submitted->id, 2 * util::kSecond)->state, State::cancelled);
}

TEST_F(JobServiceLimits, WaitingEndsWhenNobodyWantsToKnow) {
  start(null_engines());
  const auto submitted = service->submit(endless({first}), access::itself());
  ASSERT_TRUE(submitted);
  int asked = 0;
  const util::Nanos begun = util::system_clock().now();
  const auto job = service->wait(submitted->id, 60 * util::kSecond, [&] { return ++asked > 2; });
  EXPECT_LT(util::system_clock().now() - begun, 10 * util::kSecond);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, State::running);
}

store::StoredJob stored(const std::string& id, State state) {
  store::StoredJob job;
  job.id = id;
  job.name = "name of " + id;
  job.state = state_name(state);
  job.verdict = state == State::succeeded ? "PASS" : "";
  job.created_at = WallTime(std::chrono::seconds(1000));
  job.saved_at = WallTime(std::chrono::seconds(1007));
  job.devices = {"sda", "/srv/file"};
  job.spec = job.name;
  job.results = testing::results_of("as it was");
  return job;
}

TEST_F(JobServiceLimits, RestoresTheJobsOfAnEarlierDaemon) {
  ASSERT_TRUE(store.put(stored("done", State::succeeded)));
  ASSERT_TRUE(store.put(stored("torn", State::running)));
  ASSERT_TRUE(store.put(stored("new", State::pending)));
  start(null_engines());
  ASSERT_TRUE(service->restore());
  const JobSnapshot done = service->get("done").value();
  EXPECT_EQ(done.state, State::succeeded);
  EXPECT_EQ(done.verdict, Verdict::pass);
  EXPECT_EQ(done.spec.name, "name of done");
  EXPECT_EQ(done.devices.at(0).reason, "as it was");
  EXPECT_EQ(done.devices.at(0).state, State::succeeded);
  const JobSummary summary = service->list({State::succeeded, ""}).at(0);
  EXPECT_EQ(summary.id, "done");
  EXPECT_EQ(summary.devices, (std::vector<std::string>{"sda", "/srv/file"}));
  for (const std::string id : {"torn", "new"}) {
    const JobSnapshot job = service->get(id).value();
    EXPECT_EQ(job.state, State::interrupted);
    EXPECT_EQ(job.reason, "the daemon ended while the job was running; what is told is what was recorded last");
    EXPECT_EQ(job.ended_at, WallTime(std::chrono::seconds(1007)));
    EXPECT_EQ(store.find(id)->state, state_name(State::interrupted));
    EXPECT_EQ(job.devices.at(0).state, State::interrupted);
  }
  const auto page = service->recent_events(0, kNoLimit);
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[1].job, "new");
  EXPECT_EQ(page.events[1].state, State::interrupted);
  EXPECT_EQ(service->list({}).front().id, "new");
  EXPECT_EQ(service->list({std::nullopt, "sda"}).size(), 3U);
  EXPECT_EQ(service->list({std::nullopt, "/dev/sda"}).size(), 3U);
  EXPECT_EQ(service->list({std::nullopt, "/srv/file"}).size(), 3U);
  EXPECT_TRUE(service->list({std::nullopt, "sdb"}).empty());
  EXPECT_TRUE(service->forget("torn", access::itself()));
  EXPECT_FALSE(store.find("torn"));
}

TEST_F(JobServiceLimits, RestoresNoMoreThanIsKept) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store.put(stored(id, State::failed)));
  start(null_engines(), {100, 100, 2});
  ASSERT_TRUE(service->restore());
  EXPECT_EQ(service->list({}).size(), 2U);
  EXPECT_FALSE(service->get("a"));
}

TEST_F(JobServiceLimits, AStoreThatCannotBeReadIsAnError) {
  store.broken = true;
  start(null_engines());
  EXPECT_FALSE(service->restore());
}

TEST_F(JobServiceLimits, PipesShareTheBudget) {
  ServiceLimits limits;
  limits.resources.pipe_bytes = 2 << 20;
  start(null_engines(), limits);
  JobSpec one = endless({first});
  io(one).workload.bs = 1 << 20;
  const auto pipe_of = [&](const std::string& id) { return service->get(id)->devices.at(0).tuning.at(0).setting.size; };
  const std::string a = submit(one);
  EXPECT_EQ(pipe_of(a), 1U << 20) << "half of what there is";
  JobSpec two = endless({second});
  io(two).workload.bs = 1 << 20;
  const std::string b = submit(two);
  EXPECT_EQ(pipe_of(b), 512U << 10) << "half of what is left";
  ASSERT_TRUE(service->cancel(a, access::itself()));
  (void)wait(a);
  const std::string c = submit(one);
  EXPECT_EQ(pipe_of(c), 512U << 10) << "half of 1.5 MiB, as a power of two";
  ASSERT_TRUE(service->cancel(b, access::itself()));
  (void)wait(b);
  ASSERT_TRUE(service->cancel(c, access::itself()));
  (void)wait(c);
  EXPECT_EQ(pipe_of(submit(one)), 1U << 20) << "all was given back";
}

TEST_F(JobServiceLimits, ThePipesOfAJobAreBookedAsFarAsItCanHaveThem) {
  ServiceLimits limits;
  limits.resources.pipe_bytes = 3 << 20;
  limits.resources.largest_pipe = 1 << 20;
  start(null_engines(), limits);
  JobSpec greedy = endless({first});
  std::get<engine::SpliceOptions>(io(greedy).engine).pipe_size = 64 << 20;
  (void)submit(greedy);
  JobSpec modest = endless({second});
  io(modest).workload.bs = 1 << 20;
  EXPECT_EQ(service->get(submit(modest))->devices.at(0).tuning.at(0).setting.size, 1U << 20);
}

TEST_F(JobServiceLimits, BatchesTakeNoMoreMemoryThanThereIs) {
  ServiceLimits limits;
  limits.resources.pipe_bytes = 0;
  limits.resources.buffer_bytes = 2 << 20;
  start(null_engines(), limits);
  JobSpec spec = endless({first});
  io(spec).workload.bs = 65536;
  io(spec).workload.workers = 8;
  EXPECT_EQ(service->get(submit(spec))->state, State::running) << "with 16 blocks of 64 KiB for each it would not fit";
  EXPECT_EQ(service->get(submit(endless({second})))->state, State::running) << "something was left";
}

TEST_F(JobServiceLimits, ALimitOnTheProcessIsAskedForAnewForEachJob) {
  start(null_engines());
  memory_bound = {kOwnMemory, 0, "/group/memory.max"};
  const util::Error error = refused(reading({first}));
  EXPECT_EQ(error.code, Errc::exhausted);
  EXPECT_TRUE(contains(error.message, "/group/memory.max")) << error.message;
  memory_bound->limit = 2 * kOwnMemory;
  EXPECT_EQ(run(reading({first})).state, State::succeeded);
}

TEST_F(JobServiceLimits, ADeviceNeedsDescriptorsForItsWorkers) {
  ServiceLimits limits;
  JobSpec spec = reading({first});
  limits.descriptors = plan::descriptors_of(spec);
  start(null_engines(), limits);
  EXPECT_EQ(run(spec).state, State::succeeded);
  io(spec).workload.workers = 2;
  EXPECT_EQ(refused(spec).code, Errc::exhausted);
}

TEST_F(JobServiceLimits, DevicesThatAreIdleForAnHourLeaveTheTelemetry) {
  host.block("sda", "8:0", 100);
  host.block("sda/sda1", "8:1", 50);
  admission.set_allow_list(device::AllowList({dir.path() + "/", "/dev/sda*"}));
  start(null_engines(), {}, clock);
  service->look_at_targets();
  (void)run(reading({first}));
  ASSERT_EQ(service->telemetry().devices.size(), 3U);
  clock.advance(3601 * util::kSecond);
  EXPECT_TRUE(await([&] { return service->telemetry().devices.size() == 2; }));
  EXPECT_EQ(service->telemetry().devices.at(0).facts.name, "sda");
  EXPECT_EQ(service->telemetry().departed.operations, 10U);
}

TEST_F(JobServiceLimits, TrimsBookNoPipes) {
  ServiceLimits limits;
  limits.resources.pipe_bytes = 2 << 20;
  start(null_engines(), limits);
  JobSpec trims = endless({first});
  io(trims).workload.rw = workload::Mode::trim;
  io(trims).workload.workers = 8;
  io(trims).workload.bs = 1 << 20;
  trims.destructive = true;
  (void)submit(trims);
  JobSpec reads = endless({second});
  io(reads).workload.bs = 1 << 20;
  EXPECT_EQ(service->get(submit(reads))->devices.at(0).tuning.at(0).setting.size, 1U << 20);
}

}  // namespace
}  // namespace spliced::job
