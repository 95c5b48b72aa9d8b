// SPDX-License-Identifier: Apache-2.0
#include "job/write_behind.h"

#include <future>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::contains;
using testing::endless;
using testing::io;
using testing::reading;

struct WriteBehindTest : testing::ServiceFixture {
  static StoredJob record(const std::string& id, State state) {
    StoredJob job;
    job.id = id;
    job.state = state;
    if (is_final(state)) job.ended_at = WallTime(std::chrono::seconds(1));
    return job;
  }
  State stored_state(const std::string& id) { return store.find(id).value().state; }
  struct Lines final : util::Logger {
    void write(util::LogLevel, std::string_view message, std::span<const util::LogField>) override {
      lines.emplace_back(message);
    }
    std::vector<std::string> lines;
  } lines;
  WriteBehind write_behind{store, lines};
};

TEST_F(WriteBehindTest, WritesAtOnce) {
  write_behind.put(record("a", State::running));
  EXPECT_EQ(stored_state("a"), State::running);
  EXPECT_TRUE(write_behind.erase("a"));
  EXPECT_FALSE(store.find("a"));
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_TRUE(lines.lines.empty());
}

TEST_F(WriteBehindTest, WhatTheStoreDidNotTakeIsTriedAgain) {
  store.broken = true;
  write_behind.put(record("a", State::running));
  write_behind.put(record("b", State::succeeded));
  write_behind.put(record("a", State::failed));
  EXPECT_EQ(write_behind.pending(), 2U);
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 2U);
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(stored_state("a"), State::failed);
  EXPECT_EQ(stored_state("b"), State::succeeded);
  ASSERT_EQ(lines.lines.size(), 2U);  // not one for every try
  EXPECT_TRUE(contains(lines.lines[0], "the store is broken")) << lines.lines[0];
}

TEST_F(WriteBehindTest, KnowsForHowLongTheOldestHasBeenWaiting) {
  write_behind.put(record("a", State::running));
  EXPECT_EQ(write_behind.delay(), 0);
  store.broken = true;
  write_behind.put(record("a", State::failed));
  ASSERT_TRUE(await([&] { return write_behind.delay() > util::kSecond / 20; }));
  const util::Nanos before = write_behind.delay();
  write_behind.put(record("b", State::running));
  EXPECT_GE(write_behind.delay(), before);  // the newer one is not what it is about
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.delay(), 0);
}

TEST_F(WriteBehindTest, AnEndThatIsKeptStays) {
  store.broken = true;
  write_behind.put(record("a", State::succeeded));
  write_behind.put(record("a", State::running));
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(stored_state("a"), State::succeeded);
}

TEST_F(WriteBehindTest, AJobThatIsForgottenMeanwhileDoesNotComeBack) {
  write_behind.put(record("a", State::running));
  store.broken = true;
  write_behind.put(record("a", State::succeeded));
  EXPECT_FALSE(write_behind.erase("a"));
  write_behind.put(record("a", State::running));
  store.broken = false;
  write_behind.retry();
  EXPECT_FALSE(store.find("a"));
}

// Or a store that fails for days would cost memory without end.
TEST_F(WriteBehindTest, NothingIsKeptOfAJobThatTheStoreNeverKnew) {
  store.broken = true;
  write_behind.put(record("a", State::pending));
  write_behind.put(record("a", State::succeeded));
  EXPECT_TRUE(write_behind.erase("a"));
  EXPECT_EQ(write_behind.pending(), 0U);
}

TEST_F(WriteBehindTest, OneThatCannotBeWrittenDoesNotKeepTheOthersBack) {
  store.broken = true;
  for (const char* id : {"a", "b", "c"}) write_behind.put(record(id, State::succeeded));
  store.broken = false;
  store.refused = "a";
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 1U);
  EXPECT_TRUE(store.find("c"));
  write_behind.put(record("d", State::pending));
  EXPECT_EQ(lines.lines.size(), 1U);  // it is not over yet
  store.refused.clear();
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(lines.lines.size(), 2U);
}

TEST_F(WriteBehindTest, WhatChangesWhileItIsWrittenIsWrittenAgain) {
  store.broken = true;
  write_behind.put(record("a", State::running));
  store.broken = false;
  store.before_put = [&](const StoredJob& job) {
    if (job.state == State::running) write_behind.put(record("a", State::succeeded));
  };
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 1U);
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(stored_state("a"), State::succeeded);
}

TEST_F(WriteBehindTest, DocumentsThatWaitAreTextsAndCanBeRead) {
  store.broken = true;
  int made = 0;
  StoredJob job = record("a", State::succeeded);
  job.document = [&] {
    ++made;
    return testing::pieces_of("long story", 3);
  };
  write_behind.put(job);
  EXPECT_EQ(testing::text_of(write_behind.document("a")), "long story");
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(store.text("a"), "long story");
  EXPECT_EQ(made, 1) << "what it was made of may be gone later";
  EXPECT_EQ(testing::text_of(write_behind.document("a")), "long story");
}

TEST_F(WriteBehindTest, DocumentsThatWaitAreKeptUpToALimit) {
  store.broken = true;
  const auto put = [&](const std::string& id, std::size_t bytes) {
    StoredJob job = record(id, State::succeeded);
    job.document = testing::document_of(std::string(bytes, 'x'));
    write_behind.put(job);
  };
  put("a", WriteBehind::kKeptBytes - 10);
  put("b", 20);
  put("c", 5);
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(store.text("a").size(), WriteBehind::kKeptBytes - 10);
  EXPECT_EQ(stored_state("b"), State::succeeded);
  EXPECT_EQ(store.text("b"), "");
  EXPECT_EQ(store.text("c").size(), 5U);
  store.broken = true;
  put("d", WriteBehind::kKeptBytes);  // all of it is free again
  EXPECT_EQ(testing::text_of(write_behind.document("d")).size(), WriteBehind::kKeptBytes);
}

TEST_F(WriteBehindTest, NobodyWaitsForTheDocumentOfAnotherJob) {
  StoredJob slow = record("slow", State::succeeded);
  slow.document = [&] {
    valve.pass();
    return testing::pieces_of("at last");
  };
  auto writing = std::async(std::launch::async, [&] { write_behind.put(slow); });
  ASSERT_TRUE(await_blocked());
  write_behind.put(record("a", State::succeeded));
  EXPECT_EQ(stored_state("a"), State::succeeded);
  EXPECT_TRUE(write_behind.erase("a"));
  valve.open();
  writing.get();
  EXPECT_EQ(store.text("slow"), "at last");
}

TEST_F(WriteBehindTest, AJobIsForgottenOnlyWhenItsEndIsRecorded) {
  start(null_engines());
  service->on_state_change([&](const StateChange& change) {
    if (change.name == "first" && change.state == State::running) valve.pass();
  });
  JobSpec first = endless({dir.file("a", 4096)});
  first.name = "first";
  (void)submit(first);
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

TEST_F(WriteBehindTest, AJobThatEndedWhileTheStoreWasFullIsRecordedLater) {
  start(null_engines());
  store.broken = true;
  const std::string id = submit(reading({dir.file("a", 4096)}));
  EXPECT_EQ(wait(id).state, State::succeeded);
  EXPECT_TRUE(await([&] { return service->unrecorded() == 1; }));
  EXPECT_FALSE(store.find(id));
  EXPECT_GT(service->record_delay(), 0);
  store.broken = false;
  EXPECT_TRUE(await([&] { return service->unrecorded() == 0; }));
  EXPECT_TRUE(await([&] { return service->record_delay() == 0; }));
  EXPECT_EQ(stored_state(id), State::succeeded);
}

TEST_F(WriteBehindTest, ARecorderThatDoesNotComeRoundIsBehind) {
  start(null_engines());
  service->on_state_change([this](const StateChange&) { valve.pass(); });
  submit(reading({dir.file("a", 4096)}));
  EXPECT_TRUE(await([&] { return service->record_delay() > util::kSecond / 10; }));
  EXPECT_EQ(service->unrecorded(), 0U);
  valve.open();
  EXPECT_TRUE(await([&] { return service->record_delay() == 0; }));
}

TEST_F(WriteBehindTest, WhatEndsWithTheDaemonIsRecordedBeforeItGoes) {
  start(null_engines());
  store.broken = true;
  // The store works again only when the first try to record the end has failed.
  service->on_state_change([&](const StateChange& change) { store.broken = !is_final(change.state); });
  const std::string id = submit(endless({dir.file("a", 4096)}));
  // The next try of its own comes a second later.
  ASSERT_TRUE(await([&] { return store.refusals >= 2; }));
  EXPECT_TRUE(service->stop_all(testing::kPatienceNanos));
  EXPECT_EQ(stored_state(id), State::interrupted);
}

TEST_F(WriteBehindTest, WhatARunningJobHasDoneIsRecordedNowAndThen) {
  const std::string file = dir.file("a", 4096);
  std::atomic<int> records{0};
  store.on_put = [&](const StoredJob& job) {
    if (job.state == State::running) ++records;
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
