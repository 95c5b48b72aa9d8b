// SPDX-License-Identifier: Apache-2.0
// A job is on the disk before anybody is told that it was accepted.
#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::endless;

struct Accepting : testing::ServiceFixture {
  std::string path = dir.file("a", 4096);
};

TEST_F(Accepting, AJobIsOnTheDiskWhenItIsAccepted) {
  start(null_engines());
  store.before_put = [this](const store::StoredJob&) { valve.pass(); };  // of no later record
  const std::string id = submit(endless({path}));
  EXPECT_EQ(store.find(id).value().state, "PENDING");
  EXPECT_EQ(store.text(id), testing::kFigures);
  EXPECT_EQ(store.find(id)->spec, "");
  EXPECT_EQ(store.find(id)->run_id.size(), 36U);
}

TEST_F(Accepting, WithoutARecordThereIsNoJob) {
  start(null_engines());
  store.broken = true;
  EXPECT_EQ(refused(endless({path})).code, util::Errc::unavailable);
  EXPECT_TRUE(service->list({}).empty());
  EXPECT_EQ(service->unrecorded(), 0U);
  EXPECT_TRUE(service->telemetry().devices.at(0).job_id.empty());
  store.broken = false;
  EXPECT_EQ(state_of(submit(endless({path}))), State::running) << "nothing holds the device";
}

TEST_F(Accepting, AStateDirectoryThatHangsRefusesAJobInTwoSecondsAndHoldsUpNoOther) {
  start(null_engines());
  const std::string running = submit(endless({dir.file("b", 4096)}));
  store.before_accept = [this](const store::StoredJob&) { valve.pass(); };
  const util::Nanos begun = util::system_clock().now();
  EXPECT_EQ(refused(endless({path})).code, util::Errc::unavailable);
  EXPECT_LT(util::system_clock().now() - begun, 2 * util::kSecond);
  EXPECT_EQ(state_of(running), State::running);
  EXPECT_TRUE(service->cancel(running, access::itself()));
  EXPECT_EQ(wait(running).state, State::cancelled);
  valve.open();
  std::string next;
  EXPECT_TRUE(await([&] {
    const auto job = service->submit(endless({path}), access::itself());
    if (job) next = job->id;
    return job.has_value();
  }));
  // The one that came too late is gone from the store.
  EXPECT_TRUE(await([&] { return store.size() == 2; }));
  EXPECT_TRUE(store.find(next));
}

// The other calls that write: none waits without a bound.
TEST_F(Accepting, AStateDirectoryThatHangsHoldsUpNobodyWhoForgetsAJob) {
  start(null_engines());
  const std::string id = run(testing::reading({path})).id;
  ASSERT_TRUE(await([&] { return store.find(id)->ended_at.has_value(); }));
  store.before_erase = [this](const std::string&) { valve.pass(); };
  const util::Nanos begun = util::system_clock().now();
  const auto status = service->forget(id, access::itself());
  EXPECT_LT(util::system_clock().now() - begun, 5 * util::kSecond);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, util::Errc::unavailable);
  EXPECT_TRUE(service->list({}).empty());
  EXPECT_TRUE(store.find(id));
  valve.open();
  EXPECT_TRUE(await([&] { return !store.find(id); }));
}

TEST_F(Accepting, AStateDirectoryThatHangsDoesNotKeepTheDaemonFromEnding) {
  start(null_engines());
  store.before_put = [this](const store::StoredJob&) { valve.pass(); };
  (void)submit(endless({path}));
  ASSERT_TRUE(await_blocked());
  const util::Nanos begun = util::system_clock().now();
  EXPECT_FALSE(service->stop_all(util::kSecond / 2));
  EXPECT_LT(util::system_clock().now() - begun, 5 * util::kSecond);
}

}  // namespace
}  // namespace spliced::job
