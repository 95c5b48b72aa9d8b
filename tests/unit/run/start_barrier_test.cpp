// SPDX-License-Identifier: Apache-2.0
#include "run/start_barrier.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "unit/job/fakes.h"

namespace spliced::run {
namespace {

struct StartBarrierTest : ::testing::Test {
  util::Nanos open(std::size_t workers) {
    const util::Nanos start = barrier.set(workers);
    barrier.let_go();
    return start;
  }

  testing::FakeClock clock;
  StartBarrier barrier{clock};
};

TEST_F(StartBarrierTest, EverybodyStartsAtTheInstantOfOpening) {
  std::array<util::Nanos, 4> starts{};
  util::Nanos opened = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& start : starts) threads.emplace_back([&] { start = barrier.wait(); });
    opened = open(starts.size());
  }
  EXPECT_EQ(opened, clock.now());
  for (const auto start : starts) EXPECT_EQ(start, opened);
}

TEST_F(StartBarrierTest, OpeningWaitsForTheLastOne) {
  std::atomic<bool> opened{false};
  std::jthread first([&] { (void)barrier.wait(); });
  std::jthread opener([&] {
    open(2);
    opened = true;
  });
  EXPECT_FALSE(opened);
  std::jthread second([&] { (void)barrier.wait(); });
  EXPECT_TRUE(testing::await([&] { return opened.load(); }));
}

// What is decided after the instant is set is known to the first operation.
TEST_F(StartBarrierTest, NobodyGoesBeforeTheWordIsGiven) {
  std::atomic<bool> let{false};
  std::array<bool, 2> early{};
  {
    std::vector<std::jthread> threads;
    for (auto& one : early) {
      threads.emplace_back([&] {
        (void)barrier.wait();
        one = !let;
      });
    }
    (void)barrier.set(early.size());
    threads.emplace_back([&] { (void)barrier.wait(); });  // it wakes the others
    barrier.await(early.size() + 1);
    let = true;
    barrier.let_go();
  }
  EXPECT_EQ(early, (std::array<bool, 2>{}));
}

TEST_F(StartBarrierTest, NobodyStartsAfterAnAbort) {
  std::atomic<util::Nanos> start{-1};
  {
    std::jthread waiting([&] { start = barrier.wait(); });
    barrier.abort();
  }
  EXPECT_EQ(start, 0);
  EXPECT_EQ(barrier.wait(), 0);  // whoever comes late
}

TEST_F(StartBarrierTest, AnAbortAfterTheStartChangesNothing) {
  const util::Nanos opened = open(0);
  clock.advance(5);
  barrier.abort();
  EXPECT_EQ(barrier.wait(), opened);
}

}  // namespace
}  // namespace spliced::run
