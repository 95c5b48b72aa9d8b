// SPDX-License-Identifier: Apache-2.0
#include "job/pending_figures.h"

#include <gtest/gtest.h>

#include "unit/store/memory_store.h"

namespace spliced::job {
namespace {

using Noted = PendingFigures::Noted;

struct PendingFiguresTest : ::testing::Test {
  PendingFiguresTest() {
    store::StoredJob job;
    job.id = "a";
    (void)store.put(job);
    job.id = "b";
    (void)store.put(job);
  }
  Noted note(const std::string& job, int stage, std::string body) {
    return pending.note({job, 0, stage, std::move(body)});
  }
  std::optional<std::string> stored(const std::string& job, int stage) { return store.record(job)->figures(0, stage); }
  std::optional<std::string> waiting(const std::string& job, int stage) { return pending.find(job, 0, stage); }
  testing::MemoryStore store;
  PendingFigures pending;
};

TEST_F(PendingFiguresTest, TheStoreTakesThem) {
  EXPECT_EQ(Noted::some, note("a", 1, "old"));
  EXPECT_EQ(Noted::some, note("a", 1, "new"));
  EXPECT_EQ(Noted::some, note("a", store::StoredFigures::kOverTime, "time"));
  EXPECT_EQ("new", waiting("a", 1));
  EXPECT_FALSE(waiting("a", 0));
  pending.commit(store);
  EXPECT_FALSE(waiting("a", 1));
  EXPECT_EQ("new", stored("a", 1));
  EXPECT_EQ("time", stored("a", store::StoredFigures::kOverTime));
}

TEST_F(PendingFiguresTest, WhatTheStoreDoesNotTakeWaits) {
  (void)note("a", 1, "x");
  store.broken = true;
  pending.commit(store);
  EXPECT_EQ("x", waiting("a", 1));
  store.broken = false;
  pending.commit(store);
  EXPECT_EQ("x", stored("a", 1));
}

TEST_F(PendingFiguresTest, ManyAreTakenInParts) {
  const std::string body(400'000, 'x');
  Noted last = Noted::some;
  for (int i = 0; i < 100; ++i) last = note("a", i, body);
  EXPECT_EQ(Noted::many, last) << "it is time that the store takes them";
  pending.commit(store);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(stored("a", i)) << i;
    EXPECT_FALSE(waiting("a", i)) << i;
  }
  EXPECT_EQ(Noted::some, note("a", 0, body));
}

// A store that takes nothing for days must not cost all of the memory: what is new is lost, and what there is stays.
TEST_F(PendingFiguresTest, BeyondTheirRoomTheyAreLost) {
  const std::string large(PendingFigures::kMostBytes / 2, 'x');
  EXPECT_EQ(Noted::many, note("a", 0, large));
  EXPECT_EQ(Noted::many, note("a", 1, large));
  EXPECT_EQ(Noted::lost, note("a", 2, "one more"));
  EXPECT_EQ(Noted::lost, note("a", 1, large + "x"));
  EXPECT_EQ(large, waiting("a", 1));
  EXPECT_EQ(Noted::many, note("a", 1, "smaller now"));
  EXPECT_EQ(Noted::many, note("a", 2, "one more"));
}

TEST_F(PendingFiguresTest, ThoseOfAForgottenJobGo) {
  (void)note("a", 1, "x");
  (void)note("a", store::StoredFigures::kOverTime, "time");
  (void)note("b", 1, "y");
  pending.forget("a");
  EXPECT_FALSE(waiting("a", 1));
  EXPECT_FALSE(waiting("a", store::StoredFigures::kOverTime));
  EXPECT_EQ("y", waiting("b", 1));
  pending.commit(store);
  EXPECT_FALSE(stored("a", 1));
  EXPECT_EQ("y", stored("b", 1));
}

}  // namespace
}  // namespace spliced::job
