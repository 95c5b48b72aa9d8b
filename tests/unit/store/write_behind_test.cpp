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

TEST_F(WriteBehindTest, DocumentsThatWaitAreTextsAndCanBeRead) {
  store.broken = true;
  int made = 0;
  StoredJob job = record("a", "SUCCEEDED");
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
    StoredJob job = record(id, "SUCCEEDED");
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
  EXPECT_EQ(stored_state("b"), "SUCCEEDED");
  EXPECT_EQ(store.text("b"), "");
  EXPECT_EQ(store.text("c").size(), 5U);
  store.broken = true;
  put("d", WriteBehind::kKeptBytes);  // all of it is free again
  EXPECT_EQ(testing::text_of(write_behind.document("d")).size(), WriteBehind::kKeptBytes);
}

TEST_F(WriteBehindTest, NobodyWaitsForTheDocumentOfAnotherJob) {
  StoredJob slow = record("slow", "SUCCEEDED");
  slow.document = [&] {
    valve.pass();
    return testing::pieces_of("at last");
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
