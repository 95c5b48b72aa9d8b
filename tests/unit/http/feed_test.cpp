// SPDX-License-Identifier: Apache-2.0
#include "http/feed.h"

#include <gtest/gtest.h>

namespace spliced::http {
namespace {

TEST(FeedTest, WhatIsPushedIsTakenInItsOrder) {
  Feed feed(":");
  EXPECT_TRUE(feed.push("a"));
  EXPECT_TRUE(feed.push("b"));
  EXPECT_EQ(feed.take().text, "ab");
  EXPECT_EQ(feed.take().text, "");
  EXPECT_FALSE(feed.take().ended);
  feed.push("c");
  feed.end();
  const Feed::News last = feed.take();
  EXPECT_EQ(last.text, "c");
  EXPECT_TRUE(last.ended);
  EXPECT_FALSE(feed.push("d")) << "that was all";
}

TEST(FeedTest, TheReaderIsWokenOnceForWhatItHasToTake) {
  Feed feed(":");
  int woken = 0;
  feed.push("before");
  feed.open([&] { ++woken; });
  EXPECT_EQ(woken, 1) << "there is something already";
  feed.push("more");
  EXPECT_EQ(woken, 1);
  (void)feed.take();
  feed.push("again");
  EXPECT_EQ(woken, 2);
  feed.end();
  EXPECT_EQ(woken, 3);
  feed.close();
  feed.end();
  EXPECT_EQ(woken, 3) << "nobody reads it";
}

TEST(FeedTest, AReaderThatTakesNothingIsDropped) {
  Feed feed(":");
  EXPECT_TRUE(feed.push(std::string(Feed::kRoom, 'x')));
  EXPECT_FALSE(feed.push("y"));
  EXPECT_FALSE(feed.is_read());
  EXPECT_TRUE(feed.take().dropped);
  EXPECT_FALSE(feed.push("z"));
}

TEST(FeedTest, NobodyReadsOneThatIsClosed) {
  Feed feed(":");
  EXPECT_TRUE(feed.is_read());
  feed.close();
  EXPECT_FALSE(feed.is_read());
  EXPECT_FALSE(feed.push("x"));
  EXPECT_EQ(feed.take().text, "");
}

}  // namespace
}  // namespace spliced::http
