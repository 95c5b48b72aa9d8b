// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/device_threads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "spliced/util/unique_fd.h"
#include "unit/job/fakes.h"

namespace spliced::device {
namespace {

using testing::await;
using testing::kPatienceNanos;
using util::kSecond;

util::Nanos patience() {
  return util::system_clock().now() + kPatienceNanos;
}

struct DeviceThreadsTest : ::testing::Test {
  void TearDown() override { valve.open(); }
  testing::Valve valve;
  DeviceThreads threads;
};

TEST_F(DeviceThreadsTest, TasksRunInOrder) {
  const auto thread = threads.lend("/dev/one");
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) thread->post([&order, i] { order.push_back(i); });
  EXPECT_TRUE(Answer<bool>(*thread, [] { return true; }).wait(patience()));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

#if !defined(__SANITIZE_THREAD__)
bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST_F(DeviceThreadsTest, AThreadSeesNoDescriptorOfTheProcessButTheStandardStreams) {
  const util::UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto thread = threads.lend("/dev/one");
  const auto seen = Answer<std::pair<bool, bool>>(*thread, [number = fd.get()] {
                      return std::pair(is_open(number), is_open(STDERR_FILENO));
                    }).wait(patience());
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->first);
  EXPECT_EQ(seen->second, is_open(STDERR_FILENO));
  EXPECT_TRUE(is_open(fd.get())) << "closing there closes nothing here";
}

TEST_F(DeviceThreadsTest, ThreadsThatItStartsShareItsDescriptors) {
  const auto thread = threads.lend("/dev/one");
  const auto shared = Answer<bool>(*thread, [] {
                        const util::UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
                        bool seen = false;
                        std::thread([&] { seen = is_open(fd.get()); }).join();
                        return seen;
                      }).wait(patience());
  EXPECT_EQ(shared, true);
}
#endif

TEST_F(DeviceThreadsTest, AnAnswerThatNobodyWaitsForIsDestroyedOnItsThread) {
  const auto thread = threads.lend("/dev/one");
  std::atomic<std::thread::id> destroyed_by{};
  struct Value {
    std::shared_ptr<void> guard;
  };
  {
    Answer<Value> late(*thread, [&] {
      valve.pass();
      return Value{std::shared_ptr<void>(nullptr, [&](void*) { destroyed_by = std::this_thread::get_id(); })};
    });
    EXPECT_FALSE(late.wait(util::system_clock().now()));
  }
  valve.open();
  const auto its_id = Answer<std::thread::id>(*thread, [] { return std::this_thread::get_id(); }).wait(patience());
  EXPECT_TRUE(await([&] { return destroyed_by.load() == its_id; }));
}

TEST_F(DeviceThreadsTest, WhatIsKeptOnAThreadIsDestroyedThere) {
  const auto thread = threads.lend("/dev/one");
  std::atomic<std::thread::id> destroyed_by{};
  struct Value {
    std::shared_ptr<void> guard;
  };
  auto kept =
      keep_on(thread, Value{std::shared_ptr<void>(nullptr, [&](void*) { destroyed_by = std::this_thread::get_id(); })});
  kept.reset();
  const auto its_id = Answer<std::thread::id>(*thread, [] { return std::this_thread::get_id(); }).wait(patience());
  EXPECT_TRUE(await([&] { return destroyed_by.load() == its_id; }));
}

TEST_F(DeviceThreadsTest, AHungThreadIsNamedAndHoldsUpNoOther) {
  auto hung = threads.lend("/dev/hung");
  hung->post([&] { valve.pass(); });
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  const auto other = threads.lend("/dev/good");
  EXPECT_TRUE(Answer<bool>(*other, [] { return true; }).wait(patience()));
  ASSERT_TRUE(await([&] { return threads.held_for(0).size() == 1; })) << "the other is done in a moment";
  EXPECT_EQ(threads.held_for(0)[0].what, "/dev/hung");
  EXPECT_TRUE(threads.held_for(3600 * kSecond).empty());
}

TEST_F(DeviceThreadsTest, IsFreeWhenAllHaveComeBack) {
  auto hung = threads.lend("/dev/hung");
  hung->post([&] { valve.pass(); });
  hung.reset();
  EXPECT_FALSE(threads.wait_until_free(kSecond / 100));
  valve.open();
  EXPECT_TRUE(threads.wait_until_free(kPatienceNanos));
}

TEST_F(DeviceThreadsTest, AThreadIsUsedAgain) {
  const auto id_of = [&] {
    return *Answer<std::thread::id>(*threads.lend("/dev/one"), [] {
              return std::this_thread::get_id();
            }).wait(patience());
  };
  const auto first = id_of();
  ASSERT_TRUE(threads.wait_until_free(kPatienceNanos));
  EXPECT_EQ(id_of(), first);
}

TEST_F(DeviceThreadsTest, MoreThanAFewIdleOnesEnd) {
  {
    std::vector<DeviceThreadPtr> many;
    for (std::size_t i = 0; i < 3 * DeviceThreads::kMaxIdle; ++i) many.push_back(threads.lend("/dev/many"));
  }
  EXPECT_TRUE(threads.wait_until_free(kPatienceNanos));
}

}  // namespace
}  // namespace spliced::device
