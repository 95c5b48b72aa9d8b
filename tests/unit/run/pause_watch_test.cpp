// SPDX-License-Identifier: Apache-2.0
#include "run/pause_watch.h"

#include <gtest/gtest.h>

namespace spliced::run {
namespace {

using util::kSecond;

struct PauseWatchTest : ::testing::Test {
  PauseWatch watch{100 * kSecond, kSecond};
};

TEST_F(PauseWatchTest, ARoundInTimeTellsOfNone) {
  EXPECT_EQ(watch.tick(101 * kSecond), 0);
  EXPECT_EQ(watch.resumed_at(), 0);
  EXPECT_FALSE(watch.spans(90 * kSecond, 101 * kSecond));
}

TEST_F(PauseWatchTest, ARoundThatIsOverdueTellsOfOne) {
  EXPECT_EQ(watch.tick(107 * kSecond), 7 * kSecond);
  EXPECT_EQ(watch.resumed_at(), 107 * kSecond);
  EXPECT_EQ(watch.tick(107 * kSecond + 1), 0);
}

TEST_F(PauseWatchTest, WhatOverlapsThePauseSpansIt) {
  (void)watch.tick(107 * kSecond);
  (void)watch.tick(108 * kSecond);
  EXPECT_TRUE(watch.spans(99 * kSecond, 108 * kSecond));
  EXPECT_TRUE(watch.spans(106 * kSecond, 107 * kSecond + 1));
  EXPECT_FALSE(watch.spans(98 * kSecond, 100 * kSecond)) << "it had ended before";
  EXPECT_FALSE(watch.spans(107 * kSecond, 108 * kSecond)) << "it began afterwards";
}

TEST_F(PauseWatchTest, AWorkerMaySeeItBeforeTheSupervisorDoes) {
  EXPECT_TRUE(watch.spans(100 * kSecond, 101 * kSecond + 1));
  EXPECT_FALSE(watch.spans(100 * kSecond, 101 * kSecond));
}

TEST_F(PauseWatchTest, ShortThingsNeedNotAsk) {
  EXPECT_FALSE(watch.long_enough(kSecond / 2 - 1));
  EXPECT_TRUE(watch.long_enough(kSecond / 2));
}

}  // namespace
}  // namespace spliced::run
