// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/delegate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace spliced::util {
namespace {

constexpr Nanos kPatience = 20 * kSecond;

struct DelegateTest : ::testing::Test {
  void TearDown() override {
    if (!opened) open();
  }
  void open() {
    opened = true;
    gate.set_value();
  }
  // Does not end before open().
  std::function<void()> hanging() {
    return [this] {
      begun.set_value();
      passed.wait();
    };
  }
  std::promise<void> gate, begun;
  std::shared_future<void> passed = gate.get_future().share();
  bool opened = false;
  Delegate delegate{"a name"};
};

TEST_F(DelegateTest, DoesWhatItIsTold) {
  std::thread::id where;
  EXPECT_TRUE(delegate.run([&] { where = std::this_thread::get_id(); }, kPatience));
  EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_TRUE(delegate.wait_until_idle(kPatience));
}

TEST_F(DelegateTest, NobodyWaitsForWhatHangs) {
  std::atomic<int> late{0};
  std::atomic<bool> ran{false};
  EXPECT_FALSE(delegate.run(hanging(), kSecond / 50, [&] { ++late; }));
  begun.get_future().wait();
  EXPECT_FALSE(delegate.wait_until_idle(0));
  EXPECT_FALSE(delegate.run([&] { ran = true; }, 1));
  open();
  EXPECT_TRUE(delegate.wait_until_idle(kPatience));
  EXPECT_EQ(late, 1);
  EXPECT_TRUE(delegate.run([] {}, kPatience, [&] { ++late; }));
  EXPECT_FALSE(ran) << "it had not begun when it was given up";
  EXPECT_EQ(late, 1) << "the last was in time";
}

TEST_F(DelegateTest, StopsAfterWhatIsUnderWay) {
  auto first = std::async(std::launch::async, [&] { return delegate.run(hanging(), kPatience); });
  begun.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { delegate.stop(); });
  open();
  EXPECT_TRUE(first.get());
  stopped.get();
  delegate.stop();
  EXPECT_FALSE(delegate.run([] {}, 1)) << "there is no thread any more";
}

}  // namespace
}  // namespace spliced::util
