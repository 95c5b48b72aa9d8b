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
  testing::FakeClock clock;
  StartLine gate{clock};
};

TEST_F(StartLineTest, EverybodyStartsAtTheInstantOfOpening) {
  std::array<util::Nanos, 4> starts{};
  util::Nanos opened = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& start : starts) threads.emplace_back([&] { start = gate.wait(); });
    opened = gate.open(starts.size());
  }
  EXPECT_EQ(opened, clock.now());
  for (const auto start : starts) EXPECT_EQ(start, opened);
}

TEST_F(StartLineTest, OpeningWaitsForTheLastOne) {
  std::atomic<bool> opened{false};
  std::jthread first([&] { (void)gate.wait(); });
  std::jthread opener([&] {
    gate.open(2);
    opened = true;
  });
  EXPECT_FALSE(opened);
  std::jthread second([&] { (void)gate.wait(); });
  EXPECT_TRUE(testing::await([&] { return opened.load(); }));
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
  const util::Nanos opened = gate.open(0);
  clock.advance(5);
  gate.abort();
  EXPECT_EQ(gate.wait(), opened);
}

}  // namespace
}  // namespace spliced::job
