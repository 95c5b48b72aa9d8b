// SPDX-License-Identifier: Apache-2.0
#include "job/pending_figures.h"

#include <gtest/gtest.h>

#include "unit/store/memory_store.h"

namespace spliced::job {
namespace {

struct PendingFiguresTest : ::testing::Test {
  PendingFiguresTest() {
    store::StoredJob job;
    job.id = "a";
    (void)store.put(job);
    job.id = "b";
    (void)store.put(job);
  }
  std::size_t stored(const std::string& job, std::size_t device = 0) {
    return store.record(job)->figures(device).size();
  }
  testing::MemoryStore store;
  PendingFigures pending;
};

TEST_F(PendingFiguresTest, TheStoreTakesThem) {
  pending.note({"a", 0, 1, "old"});
  pending.note({"a", 0, 1, "new"});
  pending.note({"a", 0, store::StoredFigures::kOverTime, "time"});
  pending.note({"a", 1, 1, "other"});
  EXPECT_EQ((std::map<int, std::string>{{-1, "time"}, {1, "new"}}), pending.of("a", 0));
  pending.commit(store);
  EXPECT_TRUE(pending.of("a", 0).empty());
  const auto figures = store.record("a")->figures(0);
  ASSERT_EQ(2U, figures.size());
  EXPECT_EQ("time", figures[0].body);
  EXPECT_EQ("new", figures[1].body);
  EXPECT_EQ(1U, stored("a", 1));
}

TEST_F(PendingFiguresTest, WhatTheStoreDoesNotTakeWaits) {
  pending.note({"a", 0, 1, "x"});
  store.broken = true;
  pending.commit(store);
  EXPECT_EQ(1U, pending.of("a", 0).size());
  store.broken = false;
  pending.commit(store);
  EXPECT_EQ(1U, stored("a"));
}

TEST_F(PendingFiguresTest, ManyAreTakenInParts) {
  for (int i = 0; i < 50; ++i) pending.note({"a", 0, i, std::string(100'000, 'x')});
  pending.commit(store);
  EXPECT_EQ(50U, stored("a"));
  EXPECT_TRUE(pending.of("a", 0).empty());
}

// A store that takes nothing for days must not cost all of the memory: the newest are lost, the others stay.
TEST_F(PendingFiguresTest, BeyondTheirRoomTheyAreLost) {
  const std::string large(PendingFigures::kMostBytes / 2, 'x');
  pending.note({"a", 0, 0, large});
  pending.note({"a", 0, 1, large});
  pending.note({"a", 0, 2, "one more"});
  EXPECT_EQ(2U, pending.of("a", 0).size());
  pending.note({"a", 0, 1, "smaller now"});
  pending.note({"a", 0, 2, "one more"});
  EXPECT_EQ(3U, pending.of("a", 0).size());
}

TEST_F(PendingFiguresTest, ThoseOfAForgottenJobGo) {
  pending.note({"a", 0, 1, "x"});
  pending.note({"b", 0, 1, "y"});
  pending.forget("a");
  EXPECT_TRUE(pending.of("a", 0).empty());
  EXPECT_EQ(1U, pending.of("b", 0).size());
  pending.commit(store);
  EXPECT_EQ(0U, stored("a"));
}

}  // namespace
}  // namespace spliced::job
