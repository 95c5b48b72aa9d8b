// SPDX-License-Identifier: Apache-2.0
#include "job/listing.h"

#include <gtest/gtest.h>

namespace spliced::job {
namespace {

TEST(NameKey, IsTheSameForAKernelNameAndItsNode) {
  EXPECT_EQ(name_key("sda"), name_key("/dev/sda"));
  EXPECT_EQ(name_key("cciss!c0d0"), name_key("/dev/cciss/c0d0"));
  EXPECT_NE(name_key("sda"), name_key("sdb"));
  EXPECT_NE(name_key("/srv/a!b"), name_key("/srv/a/b"));
  EXPECT_NE(name_key("/srv/sda"), name_key("sda"));
}

TEST(Listed, KeepsToItsBounds) {
  EXPECT_TRUE(listed({}).empty());
  EXPECT_EQ(listed(std::vector<std::string>(40, "sda")).size(), kListedNames);
  const std::string longest(4096, 'x');
  EXPECT_TRUE(listed({longest, "a"}).empty()) << "the first ones, and none in between";
  EXPECT_EQ(listed({"a", longest, "b"}), std::vector<std::string>{"a"});
}

TEST(ListingOf, FindsEveryDeviceAndListsTheFirst) {
  store::StoredJob job;
  job.id = "id";
  for (int i = 0; i < 1024; ++i) job.devices.push_back("sd" + std::to_string(i));
  job.targets = {"/dev/sd0"};
  job.target_count = 1024;
  const Listing listing = listing_of(job);
  EXPECT_EQ(listing.devices.size(), 1024U);
  EXPECT_EQ(listing.devices.back(), name_key("sd1023"));
  EXPECT_EQ(listing.summary.device_count, 1024U);
  EXPECT_EQ(listing.summary.devices.size(), kListedNames);
  EXPECT_EQ(listing.summary.target_count, 1024U);
  EXPECT_EQ(listing.summary.targets, job.targets);
}

TEST(SummaryOf, KnowsEveryStateAndVerdictByItsName) {
  for (std::size_t i = 0; i < kStates; ++i) {
    store::StoredJob job;
    job.state = state_name(static_cast<State>(i));
    job.verdict = kVerdictNames[i % 3];
    EXPECT_EQ(summary_of(job).state, static_cast<State>(i));
    EXPECT_EQ(summary_of(job).verdict, static_cast<Verdict>(i % 3));
  }
}

TEST(SummaryOf, AStateNobodyKnowsIsTakenAsInterrupted) {
  store::StoredJob job;
  job.state = "LEVITATING";
  job.verdict = "MAYBE";
  EXPECT_EQ(summary_of(job).state, State::interrupted);
  EXPECT_EQ(summary_of(job).verdict, Verdict::none);
  job.state = "CANCELLED";
  job.verdict = "FAIL";
  EXPECT_EQ(summary_of(job).state, State::cancelled);
  EXPECT_EQ(summary_of(job).verdict, Verdict::fail);
}

TEST(ViewOf, GivesTheDevicesOneByOne) {
  JobSnapshot whole;
  whole.id = "id";
  whole.devices.resize(2);
  whole.devices[1].facts.name = "second";
  const JobView view = view_of(whole);
  EXPECT_EQ(view.head.id, "id");
  EXPECT_TRUE(view.head.devices.empty());
  EXPECT_EQ(view.devices, 2U);
  EXPECT_EQ(view.device(1).facts.name, "second");
}

TEST(MemoryOf, GrowsWithTheErrors) {
  std::vector<DeviceSnapshot> devices(1);
  const std::size_t before = memory_of({}, devices);
  devices[0].errors.resize(256, {util::Op::read, 0, 0, "EIO", 1, std::string(200, 'x')});
  EXPECT_GT(memory_of({}, devices), before + 256 * 200);
}

TEST(MemoryOf, GrowsWithTheStagesAndTheirStreams) {
  std::vector<DeviceSnapshot> devices(1);
  const std::size_t before = memory_of({}, devices);
  devices[0].stages.resize(100);
  for (auto& stage : devices[0].stages) stage.streams.resize(3);
  EXPECT_GE(memory_of({}, devices), before + 400 * sizeof(run::StageSnapshot));
}

}  // namespace
}  // namespace spliced::job
