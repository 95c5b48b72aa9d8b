// SPDX-License-Identifier: Apache-2.0
#include "http/deadlines.h"

#include <gtest/gtest.h>

namespace spliced::http {
namespace {

using Ids = std::vector<std::uint64_t>;

TEST(Deadlines, TellsTheEarliest) {
  Deadlines deadlines;
  EXPECT_EQ(deadlines.next(), 0);
  deadlines.set(1, 30);
  deadlines.set(2, 20);
  deadlines.set(3, 40);
  EXPECT_EQ(deadlines.next(), 20);
  EXPECT_EQ(deadlines.of(3), 40);
  EXPECT_EQ(deadlines.of(4), 0);
}

TEST(Deadlines, EachIsDueOnceAndInOrder) {
  Deadlines deadlines;
  deadlines.set(1, 30);
  deadlines.set(2, 20);
  deadlines.set(3, 40);
  EXPECT_EQ(deadlines.take_due(19), Ids());
  EXPECT_EQ(deadlines.take_due(30), (Ids{2, 1}));
  EXPECT_EQ(deadlines.take_due(30), Ids());
  EXPECT_EQ(deadlines.next(), 40);
}

TEST(Deadlines, ALaterOneReplacesTheFirst) {
  Deadlines deadlines;
  deadlines.set(1, 10);
  deadlines.set(1, 50);
  EXPECT_EQ(deadlines.take_due(49), Ids());
  EXPECT_EQ(deadlines.take_due(50), Ids{1});
}

TEST(Deadlines, ClearedOnesNeverCome) {
  Deadlines deadlines;
  deadlines.set(1, 10);
  deadlines.set(2, 10);
  deadlines.clear(1);
  deadlines.clear(7);
  EXPECT_EQ(deadlines.take_due(10), Ids{2});
  EXPECT_EQ(deadlines.next(), 0);
}

}  // namespace
}  // namespace spliced::http
