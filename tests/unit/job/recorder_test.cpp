// SPDX-License-Identifier: Apache-2.0
// What the service has of its jobs in the store, and when.
#include <future>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::endless;
using testing::io;
using testing::reading;

struct Recorder : testing::ServiceFixture {};

TEST_F(Recorder, AJobIsForgottenOnlyWhenItsEndIsRecorded) {
  start(null_engines());
  std::atomic<bool> first_seen{false};
  on_event([&](const Event& event) {
    if (event.state == State::running && !first_seen.exchange(true)) valve.pass();
  });
  (void)submit(endless({dir.file("a", 4096)}));
  ASSERT_TRUE(await_blocked());
  const std::string id = submit(reading({dir.file("b", 4096)}));
  ASSERT_EQ(wait(id).state, State::succeeded);
  auto forgotten = std::async(std::launch::async, [&] { return service->forget(id, access::itself()).has_value(); });
  EXPECT_EQ(forgotten.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  valve.open();
  EXPECT_TRUE(forgotten.get());
  EXPECT_TRUE(service->stop_all(testing::kPatienceNanos));  // all changes are delivered
  EXPECT_FALSE(store.find(id));
}

TEST_F(Recorder, AJobThatEndedWhileTheStoreWasFullIsRecordedLater) {
  start(null_engines());
  std::atomic<bool> over{false};  // told after its record was tried
  on_event([&](const Event& event) { over = over || is_final(event.state); });
  const std::string id = submit(endless({dir.file("a", 4096)}));
  store.broken = true;
  EXPECT_TRUE(service->cancel(id, access::itself()));
  EXPECT_TRUE(await([&] { return over.load(); }));
  EXPECT_EQ(wait(id).state, State::cancelled);
  EXPECT_EQ(service->unrecorded(), 1U);
  EXPECT_FALSE(store.find(id)->ended_at);
  EXPECT_GT(service->record_delay(), 0);
  store.broken = false;
  EXPECT_TRUE(await([&] { return service->unrecorded() == 0; }));
  EXPECT_TRUE(await([&] { return service->record_delay() == 0; }));
  EXPECT_EQ(store.find(id).value().state, state_name(State::cancelled));
}

TEST_F(Recorder, ARecorderThatDoesNotComeRoundIsBehind) {
  start(null_engines());
  on_event([this](const Event&) { valve.pass(); });
  submit(reading({dir.file("a", 4096)}));
  EXPECT_TRUE(await([&] { return service->record_delay() > util::kSecond / 10; }));
  EXPECT_EQ(service->unrecorded(), 0U);
  valve.open();
  EXPECT_TRUE(await([&] { return service->record_delay() == 0; }));
}

TEST_F(Recorder, WhatEndsWithTheDaemonIsRecordedBeforeItGoes) {
  start(null_engines());
  // The store works again only when the first try to record the end has failed.
  on_event([&](const Event& event) { store.broken = !is_final(event.state); });
  store.before_put = [this](const store::StoredJob&) { store.broken = true; };  // once it was accepted
  const std::string id = submit(endless({dir.file("a", 4096)}));
  // The next try of its own comes a second later.
  ASSERT_TRUE(await([&] { return store.refusals >= 2; }));
  EXPECT_TRUE(service->stop_all(testing::kPatienceNanos));
  EXPECT_EQ(store.find(id).value().state, state_name(State::interrupted));
}

TEST_F(Recorder, WhatARunningJobHasDoneIsRecordedNowAndThen) {
  const std::string file = dir.file("a", 4096);
  std::atomic<int> records{0};
  store.on_put = [&](const store::StoredJob& job) {
    if (job.state == state_name(State::running)) ++records;
  };
  ServiceLimits limits;
  limits.checkpoint = 10 * util::kSecond;
  start(null_engines(), limits, clock);
  JobSpec spec = endless({file});
  io(spec).workload.thinktime = 3000 * util::kSecond;
  (void)submit(spec);
  ASSERT_TRUE(await([&] { return records == 1; }));  // that it runs
  clock.advance(11 * util::kSecond);
  EXPECT_TRUE(await([&] { return records == 2; }));
  clock.advance(11 * util::kSecond);
  EXPECT_TRUE(await([&] { return records == 3; }));
}

}  // namespace
}  // namespace spliced::job
