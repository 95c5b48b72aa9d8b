// SPDX-License-Identifier: Apache-2.0
#include "run/pause_gate.h"

#include <thread>

#include "worker_fixture.h"

namespace spliced::run {
namespace {

using testing::await;
using util::kSecond;

struct PauseGateTest : WorkerTest {
  PauseGate gate{clock};
};

TEST_F(PauseGateTest, IsOpenAtFirstAndLetsPass) {
  EXPECT_FALSE(gate.closed());
  EXPECT_EQ(gate.closed_time(clock.now()), 0);
  gate.pass({});
  gate.open();
  EXPECT_EQ(gate.changes(), 0U) << "it was open already";
}

TEST_F(PauseGateTest, CountsTheTimeInWhichItIsClosed) {
  gate.close();
  clock.advance(2 * kSecond);
  gate.close();
  EXPECT_EQ(gate.closed_time(clock.now()), 2 * kSecond);
  gate.open();
  clock.advance(kSecond);
  EXPECT_EQ(gate.closed_time(clock.now()), 2 * kSecond);
  gate.close();
  clock.advance(kSecond);
  EXPECT_EQ(gate.closed_time(clock.now()), 3 * kSecond);
  EXPECT_EQ(gate.changes(), 3U);
}

TEST_F(PauseGateTest, HoldsUntilItIsOpenedOrAStopIsRequested) {
  for (const bool by_stop : {false, true}) {
    gate.close();
    std::atomic<bool> passed{false};
    std::jthread thread([&](const std::stop_token& stop) {
      gate.pass(stop);
      passed = true;
    });
    EXPECT_FALSE(passed);
    by_stop ? void(thread.request_stop()) : gate.open();
    EXPECT_TRUE(await([&] { return passed.load(); }));
  }
}

// Ten operations at one per second; a pause of an hour after the third.
TEST_F(PauseGateTest, APauseMovesAllThatIsDueAndIsNoLatency) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.rate_iops = 1;
  run(spec, [&](Worker& worker) {
    const auto until = [&](std::uint64_t operations) {
      ASSERT_TRUE(await([&] { return operations_of(worker) >= operations; }));
      EXPECT_EQ(operations_of(worker), operations);
    };
    for (std::uint64_t i = 1; i <= 3; ++i) {
      until(i);
      if (i < 3) clock.advance(kSecond);
    }
    its_gate->close();
    clock.advance(3600 * kSecond);
    ASSERT_TRUE(await([&] { return worker.still(); }));
    EXPECT_EQ(operations_of(worker), 3U);
    its_gate->open();
    for (std::uint64_t i = 4; i <= 10; ++i) {
      clock.advance(kSecond);
      until(i);
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_NEAR(totals.ops[0].latency.max_seconds(), 0, 0.001);
}

TEST_F(PauseGateTest, ARuntimeDoesNotCountIt) {
  plan::JobSpec spec = testing::endless({path});
  io(spec).workload.runtime = 10 * kSecond;
  io(spec).workload.rate_iops = 1;
  run(spec, [&](Worker& worker) {
    ASSERT_TRUE(await([&] { return operations_of(worker) >= 1; }));
    its_gate->close();
    clock.advance(20 * kSecond);
    ASSERT_TRUE(await([&] { return worker.still(); }));
    its_gate->open();
    ASSERT_TRUE(await([&] { return !worker.still(); }));
    for (std::uint64_t i = 2; i <= 10; ++i) {
      clock.advance(kSecond);
      ASSERT_TRUE(await([&] { return operations_of(worker) >= i; }));
    }
    clock.advance(kSecond);
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 10U);
}

// Blocks that were handed over together, of which the first is in the kernel: the others are not begun any more.
TEST_F(PauseGateTest, AStopEndsAPauseThatIsStillComing) {
  block_reads_of(path);
  plan::JobSpec spec = testing::reading({path});
  io(spec).engine = engine::SpliceOptions{{}, 65536, 8, false};
  run(spec, [&](Worker& worker) {
    ASSERT_TRUE(await_blocked());
    its_gate->close();
    worker.request_stop();
    valve.open();
  });
  EXPECT_FALSE(completed);
  EXPECT_EQ(in_flight_at_the_end, 0U);
}

TEST_F(PauseGateTest, AStopEndsAPause) {
  run(testing::endless({path}), [&](Worker& worker) {
    its_gate->close();
    ASSERT_TRUE(await([&] { return worker.still(); }));
    worker.request_stop();
  });
  EXPECT_FALSE(completed);
}

TEST_F(PauseGateTest, EachBlockIsDoneOnceThroughManyPauses) {
  plan::JobSpec spec = testing::reading({dir.file("large", 8 << 20)});
  io(spec).workload.rw = workload::Mode::randread;
  run(spec, [&](Worker& worker) {
    for (int i = 0; i < 50 && !worker.finished(); ++i) {
      its_gate->close();
      ASSERT_TRUE(await([&] { return worker.still(); }));
      const std::uint64_t before = operations_of(worker);
      EXPECT_EQ(operations_of(worker), before);
      its_gate->open();
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 2'048U);
  EXPECT_EQ(visited, 8U << 20);
}

}  // namespace
}  // namespace spliced::run
