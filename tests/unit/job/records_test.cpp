// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::endless;
using testing::policy;
using testing::reading;
using testing::reads_of;

// What is kept of two jobs, but not of three, with one device and one stage each.
constexpr std::size_t kTwoJobs =
    5 * (sizeof(JobSnapshot) + sizeof(DeviceSnapshot) + sizeof(run::StageSnapshot)) / 2 + 1024;

struct RecordsTest : testing::ServiceFixture {
  std::string path = dir.file("a", 80 * 1024);
  std::string other = dir.file("b", 80 * 1024);
  // Holds up whoever writes down how the job of this device ended.
  void block_the_end_on(const std::string& name) {
    form.write_device = [this, name, write = form.write_device](const DeviceSnapshot& device) {
      if (device.facts.name == name && is_final(device.state)) valve.pass();
      return write(device);
    };
  }
};

TEST_F(RecordsTest, AnEndThatIsBeingWrittenDownKeepsNobodyWaiting) {
  block_the_end_on(path);
  start(null_engines());
  JobSpec slow = reading({path});
  slow.name = "slow";
  const std::string id = submit(slow);
  ASSERT_TRUE(await_blocked());
  const JobSnapshot ended = wait(id);
  EXPECT_EQ(ended.state, State::succeeded);
  EXPECT_TRUE(ended.ended_at);
  EXPECT_EQ(reads_of(ended.devices.at(0)).operations, 20U) << "the figures are those of the end";
  EXPECT_EQ(ended.devices.at(0).progress, 1.0);
  EXPECT_EQ(service->list({}).at(0).progress, 1.0);
  const std::string second = submit(endless({other}));
  EXPECT_EQ(service->list({}).size(), 2U);
  EXPECT_TRUE(service->cancel(second, access::itself()));
  EXPECT_EQ(wait(second).state, State::cancelled);
  EXPECT_EQ(service->telemetry().jobs[static_cast<std::size_t>(State::succeeded)], 1U);
  EXPECT_FALSE(store.find(id)->ended_at);
  valve.open();
  EXPECT_TRUE(await([&] { return store.find(id)->ended_at && store.find(second)->ended_at; }));
  EXPECT_EQ(reads_of(service->get(id)->devices.at(0)).operations, 20U);
}

TEST_F(RecordsTest, FiguresOfARunningJobAreMadeWhenTheyAreRead) {
  start(null_engines());
  const std::string id = submit(endless({path, other}));
  const JobView view = service->open(id).value();
  EXPECT_EQ(view.devices, 2U);
  EXPECT_TRUE(view.head.devices.empty());
  EXPECT_TRUE(await([&] { return reads_of(view.device(1)).operations > 0; }));
  EXPECT_THROW((void)view.device(2), std::out_of_range);
}

TEST_F(RecordsTest, WhatDoesNotStayInMemoryIsReadFromTheStore) {
  ServiceLimits limits;
  limits.recent_bytes = 0;
  start(null_engines(), limits);
  JobSpec spec = reading({path, other});
  spec.name = "gone";
  const std::string id = submit(spec);
  EXPECT_TRUE(service->wait(id, testing::kPatienceNanos));
  ASSERT_TRUE(await([&] { return !is_in_memory(id); }));
  const JobView view = service->open(id).value();
  EXPECT_EQ(view.devices, 2U);
  EXPECT_EQ(view.head.spec.name, "gone");
  EXPECT_EQ(view.head.state, State::succeeded);
  EXPECT_TRUE(view.head.ended_at);
  EXPECT_EQ(view.head.run_id.size(), 36U);
  EXPECT_TRUE(view.head.elapsed);
  EXPECT_EQ(view.device(1).facts.name, other);
  EXPECT_EQ(view.device(1).reason, testing::kFigures);
  const JobSummary summary = service->list({std::nullopt, other}).at(0);
  EXPECT_EQ(summary.id, id);
  EXPECT_EQ(summary.targets, (std::vector<std::string>{path, other}));
  EXPECT_EQ(summary.devices, (std::vector<std::string>{path, other}));
  EXPECT_EQ(summary.progress, 1.0);
  EXPECT_EQ(summary.errors, 0U);
  EXPECT_EQ(summary.destructive, false);
  EXPECT_TRUE(service->list({std::nullopt, "/another"}).empty());
}

TEST_F(RecordsTest, TheOldestGiveWayInMemory) {
  ServiceLimits limits;
  limits.recent_bytes = kTwoJobs;
  start(null_engines(), limits);
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(run(reading({path})).id);
  EXPECT_TRUE(await([&] { return !is_in_memory(ids[0]); }));
  EXPECT_TRUE(await([&] { return store.find(ids[3])->ended_at.has_value(); }));
  EXPECT_TRUE(is_in_memory(ids[3]));
  EXPECT_EQ(service->list({}).size(), 4U);
}

TEST_F(RecordsTest, WhatIsForgottenMakesRoomInMemory) {
  ServiceLimits limits;
  limits.recent_bytes = kTwoJobs;
  limits.kept_jobs = 2;
  start(null_engines(), limits);
  const auto run_one = [&] {
    const std::string id = run(reading({path})).id;
    EXPECT_TRUE(await([&] { return store.find(id)->ended_at.has_value(); }));
    return id;
  };
  const std::string first = run_one();
  const std::string second = run_one();
  EXPECT_TRUE(service->forget(second, access::itself()));
  const std::string third = run_one();
  EXPECT_TRUE(is_in_memory(first)) << "the second is not held on to";
  EXPECT_TRUE(is_in_memory(third));
  (void)run_one();
  EXPECT_TRUE(await([&] { return !service->open(first); })) << "only two are kept";
  EXPECT_TRUE(is_in_memory(third));
}

TEST_F(RecordsTest, AListNamesAFewAndCountsAll) {
  std::vector<std::string> targets;
  for (int i = 0; i < 20; ++i) targets.push_back(dir.file("t" + std::to_string(i), 4096));
  start(null_engines());
  const JobSummary running = service->list({}).empty() ? JobSummary{} : service->list({}).at(0);
  EXPECT_EQ(running.device_count, 0U);
  const std::string id = submit(endless(targets));
  const auto check = [&] {
    const JobSummary summary = service->list({}).at(0);
    EXPECT_EQ(summary.target_count, 20U);
    EXPECT_EQ(summary.device_count, 20U);
    EXPECT_LE(summary.targets.size(), kListedNames);
    EXPECT_GE(summary.targets.size(), 1U);
    EXPECT_TRUE(std::equal(summary.targets.begin(), summary.targets.end(), targets.begin()));
    EXPECT_EQ(service->list({std::nullopt, targets.back()}).size(), 1U) << "those that are not listed count as well";
  };
  check();
  EXPECT_TRUE(service->cancel(id, access::itself()));
  (void)wait(id);
  ASSERT_TRUE(await([&] { return store.find(id)->ended_at.has_value(); }));
  check();
}

TEST_F(RecordsTest, ErrorsAreCountedInTheList) {
  sys.on_read = [inode = inode_of(path)](ino_t at, std::uint64_t offset) {
    return at == inode && offset < 3 * 4096 ? EIO : 0;
  };
  start(faulty_engines());
  JobSpec spec = reading({path, other});
  policy(spec).max_errors = 100;
  const std::string id = submit(spec);
  EXPECT_TRUE(service->wait(id, testing::kPatienceNanos));
  EXPECT_EQ(service->list({}).at(0).errors, 3U);
  ASSERT_TRUE(await([&] { return store.find(id)->ended_at.has_value(); }));
  EXPECT_EQ(store.find(id)->errors, 3U);
}

}  // namespace
}  // namespace spliced::job
