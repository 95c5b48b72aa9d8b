// SPDX-License-Identifier: Apache-2.0
#include "job/start_line.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "fakes.h"

namespace spliced::job {
namespace {

struct StartLineTest : ::testing::Test {
  util::Nanos open(std::size_t workers) {
    const util::Nanos start = gate.set(workers);
    gate.let_go();
    return start;
  }

  testing::FakeClock clock;
  StartLine gate{clock};
};

TEST_F(StartLineTest, EverybodyStartsAtTheInstantOfOpening) {
  std::array<util::Nanos, 4> starts{};
  util::Nanos opened = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& start : starts) threads.emplace_back([&] { start = gate.wait(); });
    opened = open(starts.size());
  }
  EXPECT_EQ(opened, clock.now());
  for (const auto start : starts) EXPECT_EQ(start, opened);
}

TEST_F(StartLineTest, OpeningWaitsForTheLastOne) {
  std::atomic<bool> opened{false};
  std::jthread first([&] { (void)gate.wait(); });
  std::jthread opener([&] {
    open(2);
    opened = true;
  });
  EXPECT_FALSE(opened);
  std::jthread second([&] { (void)gate.wait(); });
  EXPECT_TRUE(testing::await([&] { return opened.load(); }));
}

// What is settled after the instant is set is known to the first operation.
TEST_F(StartLineTest, NobodyGoesBeforeTheWordIsGiven) {
  std::atomic<bool> let{false};
  std::array<bool, 2> early{};
  {
    std::vector<std::jthread> threads;
    for (auto& one : early) {
      threads.emplace_back([&] {
        (void)gate.wait();
        one = !let;
      });
    }
    (void)gate.set(early.size());
    threads.emplace_back([&] { (void)gate.wait(); });  // it wakes the others
    gate.await(early.size() + 1);
    let = true;
    gate.let_go();
  }
  EXPECT_EQ(early, (std::array<bool, 2>{}));
}

TEST_F(StartLineTest, NobodyStartsAfterAnAbort) {
  std::atomic<util::Nanos> start{-1};
  {
    std::jthread waiting([&] { start = gate.wait(); });
    gate.abort();
  }
  EXPECT_EQ(start, 0);
  EXPECT_EQ(gate.wait(), 0);  // whoever comes late
}

TEST_F(StartLineTest, AnAbortAfterTheStartChangesNothing) {
  const util::Nanos opened = open(0);
  clock.advance(5);
  gate.abort();
  EXPECT_EQ(gate.wait(), opened);
}

}  // namespace
}  // namespace spliced::job
