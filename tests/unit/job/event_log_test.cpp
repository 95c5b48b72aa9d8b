// SPDX-License-Identifier: Apache-2.0
#include "job/event_log.h"

#include <gtest/gtest.h>

#include "unit/store/memory_store.h"

namespace spliced::job {
namespace {

struct EventLogTest : ::testing::Test {
  // What the journal does with an event.
  Event tell(const std::string& job, State state = State::running) {
    const Event event = log.make(EventKind::state, job, state, Verdict::none, "why");
    store::StoredJob record;
    record.id = job;
    record.events = {EventLog::row_of(event)};
    EXPECT_TRUE(store.put(record));
    log.publish(event);
    return event;
  }
  static std::vector<std::string> jobs_of(const EventPage& page) {
    std::vector<std::string> out;
    for (const Event& event : page.events) out.push_back(event.job);
    return out;
  }
  using Names = std::vector<std::string>;

  testing::MemoryStore store;
  EventLog log{store, 3};
};

TEST_F(EventLogTest, ReadersGoOnWhereTheyWere) {
  const Event first = tell("a");
  EXPECT_EQ(jobs_of(log.recent(0, kNoLimit)), Names{"a"});
  (void)tell("b");
  (void)tell("c");
  EXPECT_EQ(jobs_of(log.recent(first.id, kNoLimit)), (Names{"b", "c"}));
  EXPECT_EQ(jobs_of(log.recent(first.id, 1)), Names{"b"});
  EXPECT_TRUE(log.recent(log.last(), kNoLimit).events.empty());
}

TEST_F(EventLogTest, WhoeverIsBehindIsToldSo) {
  const Event first = tell("a");
  for (const char* job : {"b", "c"}) (void)tell(job);
  EXPECT_FALSE(log.recent(0, kNoLimit).missed);
  (void)tell("d");
  EXPECT_TRUE(log.recent(0, kNoLimit).missed);
  EXPECT_FALSE(log.recent(first.id, kNoLimit).missed);
  EXPECT_EQ(jobs_of(log.recent(first.id, kNoLimit)), (Names{"b", "c", "d"}));
}

TEST_F(EventLogTest, WhatIsNotInMemoryIsReadFromTheStore) {
  for (const char* job : {"a", "b", "c", "d", "e"}) (void)tell(job);
  const auto page = log.read(0, kNoLimit);
  ASSERT_TRUE(page);
  EXPECT_EQ(jobs_of(*page), (Names{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(page->events[0].state, State::running);
  EXPECT_EQ(page->events[0].reason, "why");
  EXPECT_FALSE(page->missed);
  for (std::size_t limit = 1; limit <= 6; ++limit) {
    Names all;
    std::uint64_t after = 0;
    for (;;) {
      const auto part = log.read(after, limit).value();
      if (part.events.empty()) break;
      EXPECT_LE(part.events.size(), limit);
      for (const Event& event : part.events) all.push_back(event.job);
      after = part.events.back().id;
    }
    EXPECT_EQ(all, (Names{"a", "b", "c", "d", "e"})) << limit;
  }
}

TEST_F(EventLogTest, NoIdIsGivenTwice) {
  std::uint64_t newest = tell("a").id;
  for (int i = 0; i < 3; ++i) {  // none of these stores any
    EventLog next(store);
    ASSERT_TRUE(next.restore());
    EXPECT_TRUE(next.recent(next.last(), kNoLimit).events.empty());
    const Event event = next.make(EventKind::forgotten, "b", State::pending, Verdict::none, "");
    EXPECT_GT(event.id, newest);
    newest = event.id;
  }
  EventLog next(store);
  ASSERT_TRUE(next.restore());
  EXPECT_EQ(jobs_of(next.read(0, kNoLimit).value()), Names{"a"});
  testing::MemoryStore another;  // in the place of one that was set aside
  EventLog anew(another);
  ASSERT_TRUE(anew.restore());
  EXPECT_GT(anew.make(EventKind::state, "c", State::running, Verdict::none, "").id, 1'000'000U);
}

TEST_F(EventLogTest, ListenersHearAsLongAsTheyWish) {
  Names heard, also;
  auto first = log.subscribe([&](const Event& event) { heard.push_back(event.job); });
  const auto second = log.subscribe([&](const Event& event) { also.push_back(event.job); });
  (void)tell("a");
  first.reset();
  (void)tell("b");
  EXPECT_EQ(heard, Names{"a"});
  EXPECT_EQ(also, (Names{"a", "b"}));
}

}  // namespace
}  // namespace spliced::job
