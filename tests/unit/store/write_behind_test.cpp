// SPDX-License-Identifier: Apache-2.0
#include "store/write_behind.h"

#include <future>

#include "memory_store.h"
#include "unit/device/temp_dir.h"
#include "unit/job/fakes.h"

namespace spliced::store {
namespace {

using testing::await;
using testing::contains;

struct WriteBehindTest : ::testing::Test {
  static StoredJob record(const std::string& id, const std::string& state) {
    StoredJob job;
    job.id = id;
    job.state = state;
    if (state == "SUCCEEDED" || state == "FAILED") job.ended_at = util::WallTime(std::chrono::seconds(1));
    return job;
  }
  std::string stored_state(const std::string& id) { return store.find(id).value().state; }
  struct Lines final : util::Logger {
    void write(util::LogLevel, std::string_view message, std::span<const util::LogField>) override {
      lines.emplace_back(message);
    }
    std::vector<std::string> lines;
  } lines;
  testing::MemoryStore store;
  testing::Valve valve;
  WriteBehind write_behind{store, lines};
};

TEST_F(WriteBehindTest, WritesAtOnce) {
  write_behind.put(record("a", "RUNNING"));
  EXPECT_EQ(stored_state("a"), "RUNNING");
  EXPECT_TRUE(write_behind.erase("a"));
  EXPECT_FALSE(store.find("a"));
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_TRUE(lines.lines.empty());
}

TEST_F(WriteBehindTest, WhatTheStoreDidNotTakeIsTriedAgain) {
  store.broken = true;
  write_behind.put(record("a", "RUNNING"));
  write_behind.put(record("b", "SUCCEEDED"));
  write_behind.put(record("a", "FAILED"));
  EXPECT_EQ(write_behind.pending(), 2U);
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 2U);
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(stored_state("a"), "FAILED");
  EXPECT_EQ(stored_state("b"), "SUCCEEDED");
  ASSERT_EQ(lines.lines.size(), 2U);  // not one for every try
  EXPECT_TRUE(contains(lines.lines[0], "the store is broken")) << lines.lines[0];
}

TEST_F(WriteBehindTest, KnowsForHowLongTheOldestHasBeenWaiting) {
  write_behind.put(record("a", "RUNNING"));
  EXPECT_EQ(write_behind.delay(), 0);
  store.broken = true;
  write_behind.put(record("a", "FAILED"));
  ASSERT_TRUE(await([&] { return write_behind.delay() > util::kSecond / 20; }));
  const util::Nanos before = write_behind.delay();
  write_behind.put(record("b", "RUNNING"));
  EXPECT_GE(write_behind.delay(), before);  // the newer one is not what it is about
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.delay(), 0);
}

TEST_F(WriteBehindTest, AnEndThatIsKeptStays) {
  store.broken = true;
  write_behind.put(record("a", "SUCCEEDED"));
  write_behind.put(record("a", "RUNNING"));
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(stored_state("a"), "SUCCEEDED");
}

TEST_F(WriteBehindTest, AJobThatIsForgottenMeanwhileDoesNotComeBack) {
  write_behind.put(record("a", "RUNNING"));
  store.broken = true;
  write_behind.put(record("a", "SUCCEEDED"));
  EXPECT_FALSE(write_behind.erase("a"));
  write_behind.put(record("a", "RUNNING"));
  store.broken = false;
  write_behind.retry();
  EXPECT_FALSE(store.find("a"));
}

TEST_F(WriteBehindTest, OneThatCannotBeWrittenDoesNotKeepTheOthersBack) {
  store.broken = true;
  for (const char* id : {"a", "b", "c"}) write_behind.put(record(id, "SUCCEEDED"));
  store.broken = false;
  store.refused = "a";
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 1U);
  EXPECT_TRUE(store.find("c"));
  write_behind.put(record("d", "PENDING"));
  EXPECT_EQ(lines.lines.size(), 1U);  // it is not over yet
  store.refused.clear();
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(lines.lines.size(), 2U);
}

TEST_F(WriteBehindTest, WhatChangesWhileItIsWrittenIsWrittenAgain) {
  store.broken = true;
  write_behind.put(record("a", "RUNNING"));
  store.broken = false;
  store.before_put = [&](const StoredJob& job) {
    if (job.state == "RUNNING") write_behind.put(record("a", "SUCCEEDED"));
  };
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 1U);
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(stored_state("a"), "SUCCEEDED");
}

TEST_F(WriteBehindTest, ResultsThatWaitAreKeptAndCanBeRead) {
  store.broken = true;
  int made = 0;
  StoredJob job = record("a", "SUCCEEDED");
  job.spec = "the spec";
  job.results = [&] {
    ++made;
    return testing::results_of("long story")();
  };
  write_behind.put(job);
  const auto kept = write_behind.record("a");
  EXPECT_EQ(kept->spec(), "the spec");
  EXPECT_EQ(kept->device(0).figures, "long story");
  EXPECT_EQ(kept->device(1).figures, "") << "there is none";
  EXPECT_EQ(kept->device(0).figures, "long story") << "again";
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(store.text("a"), "long story");
  EXPECT_EQ(made, 1) << "what it was made of may be gone later";
  EXPECT_EQ(write_behind.record("a")->device(0).figures, "long story");
}

TEST_F(WriteBehindTest, TheSpecOfAnEarlierRecordIsKeptWithTheNewest) {
  StoredJob job = record("a", "PENDING");
  job.spec = "the spec";
  store.broken = true;
  write_behind.put(job);
  job = record("a", "RUNNING");
  job.results = testing::results_of("so far");
  write_behind.put(job);
  EXPECT_EQ(write_behind.record("a")->spec(), "the spec");
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(store.find("a")->spec, "the spec");
  store.broken = true;
  job.results = testing::results_of("more");
  write_behind.put(job);
  EXPECT_EQ(write_behind.record("a")->spec(), "the spec") << "from the store";
  EXPECT_EQ(write_behind.record("a")->device(0).figures, "more");
}

TEST_F(WriteBehindTest, EventsWaitForTheStoreInTheirOrder) {
  const auto event = [](std::uint64_t id) {
    StoredEvent out;
    out.id = id;
    out.job = "a";
    return out;
  };
  store.broken = true;
  StoredJob job = record("a", "RUNNING");
  job.events = {event(1)};
  write_behind.put(job);
  job.events = {event(2), event(3)};
  write_behind.put(job);
  store.broken = false;
  write_behind.retry();
  const auto stored = store.events(0, 10, "");
  ASSERT_EQ(stored.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(stored[i].id, i + 1);
  job.events = {event(4)};
  write_behind.put(job);
  EXPECT_EQ(store.events(3, 10, "").size(), 1U);
  EXPECT_EQ(store.events(0, 10, "").size(), 4U) << "none is told twice";
}

TEST_F(WriteBehindTest, ResultsThatWaitAreKeptUpToALimit) {
  store.broken = true;
  const std::size_t each = StoredDevice{}.bytes() + 3;
  const auto put = [&](const std::string& id, std::size_t bytes) {
    StoredJob job = record(id, "SUCCEEDED");
    job.results = testing::results_of(std::string(bytes - each, 'x'));
    write_behind.put(job);
  };
  put("a", WriteBehind::kKeptBytes - each - 10);
  put("b", each + 20);
  put("c", each + 5);
  store.broken = false;
  write_behind.retry();
  EXPECT_EQ(write_behind.pending(), 0U);
  EXPECT_EQ(store.text("a").size(), WriteBehind::kKeptBytes - 2 * each - 10);
  EXPECT_EQ(stored_state("b"), "SUCCEEDED");
  EXPECT_EQ(store.text("b"), "");
  EXPECT_EQ(store.text("c").size(), 5U);
  store.broken = true;
  put("d", WriteBehind::kKeptBytes);  // all of it is free again
  EXPECT_EQ(write_behind.record("d")->device(0).figures.size(), WriteBehind::kKeptBytes - each);
}

TEST_F(WriteBehindTest, NobodyWaitsForTheResultsOfAnotherJob) {
  StoredJob slow = record("slow", "SUCCEEDED");
  slow.results = [&] {
    valve.pass();
    return testing::results_of("at last")();
  };
  auto writing = std::async(std::launch::async, [&] { write_behind.put(slow); });
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  write_behind.put(record("a", "SUCCEEDED"));
  EXPECT_EQ(stored_state("a"), "SUCCEEDED");
  EXPECT_TRUE(write_behind.erase("a"));
  valve.open();
  writing.get();
  EXPECT_EQ(store.text("slow"), "at last");
}

}  // namespace
}  // namespace spliced::store
