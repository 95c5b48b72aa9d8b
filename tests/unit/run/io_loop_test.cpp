// SPDX-License-Identifier: Apache-2.0
// The loop of a worker over an engine with many blocks under way, which end in any order.
#include "run/io_loop.h"

#include <set>

#include "unit/engine/contract/scripted_engine.h"
#include "worker_fixture.h"

namespace spliced::run {
namespace {

using testing::io;

// An engine with 32 blocks under way, which end in any order.
struct OutOfOrder : WorkerTest {
  OutOfOrder() {
    make_engine = [this](const engine::EngineConfig&, util::Clock& its_clock, std::stop_token stop) {
      return std::make_unique<engine::contract::ScriptedEngine>(target, hook, its_clock, std::move(stop), 3);
    };
    spec.targets = {dir.file("large", 1 << 20)};
    io(spec).workload.rw = workload::Mode::randrw;
    spec.destructive = true;
    io(spec).engine = engine::SpliceOptions{{}, 0, 32, false};
    hook = [this](util::Op op, std::uint64_t offset) {
      calls.emplace_back(op, offset);
      return engine::test::Fault{};
    };
  }
  std::vector<std::byte> target = std::vector<std::byte>(1 << 20);
  engine::contract::TargetHook hook;
  std::vector<std::pair<util::Op, std::uint64_t>> calls;
  plan::JobSpec spec;
};

TEST_F(OutOfOrder, EachBlockIsDoneOnce) {
  run(spec);
  EXPECT_TRUE(completed);
  std::set<std::uint64_t> met;
  for (const auto& [op, offset] : calls) EXPECT_TRUE(met.insert(offset).second);
  EXPECT_EQ(met.size(), 256U);
  EXPECT_EQ(totals.ops[0].operations + totals.ops[1].operations, 256U);
  EXPECT_EQ(visited, 1U << 20);
  EXPECT_FALSE(std::is_sorted(calls.begin(), calls.end()));
}

TEST_F(OutOfOrder, ASyncCoversAllWritesBeforeIt) {
  io(spec).workload.rw = workload::Mode::write;
  io(spec).workload.fsync = 10;
  io(spec).workload.end_fsync = true;
  run(spec);
  EXPECT_TRUE(completed);
  std::size_t writes = 0;
  for (const auto& [op, offset] : calls) {
    if (op == util::Op::write) {
      ++writes;
    } else {
      EXPECT_TRUE(writes % 10 == 0 || writes == 256U) << writes;
    }
  }
  EXPECT_EQ(writes, 256U);
  EXPECT_EQ(totals.ops[3].operations, 26U);
}

TEST_F(OutOfOrder, AnErrorTooManyEndsItAndLeavesNothingUnderWay) {
  hook = [](util::Op, std::uint64_t offset) { return engine::test::Fault{offset == 40 * 4096 ? EIO : 0}; };
  stop_on_error = [this] { driven->request_stop(); };
  run(spec);
  EXPECT_FALSE(completed);
  EXPECT_EQ(errors.size(), 1U);
  EXPECT_EQ(in_flight_at_the_end, 0U);
}

TEST_F(OutOfOrder, AnEngineOfLessDepthThanTheBatchLosesNothing) {
  make_engine = [this](engine::EngineConfig config, util::Clock& its_clock, std::stop_token stop) {
    config.options = engine::PsyncOptions{};
    return engine::kind_of(config.options).make(config, sys, its_clock, std::move(stop));
  };
  io(spec).workload.rw = workload::Mode::randread;
  run(spec);
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 256U);
  EXPECT_EQ(visited, 1U << 20);
}

TEST_F(OutOfOrder, ARateIsKept) {
  io(spec).workload.rw = workload::Mode::randread;
  io(spec).workload.rate_iops = 1;
  io(spec).workload.size = {false, 10 * 4096, 0};
  io(spec).engine = engine::SpliceOptions{{}, 65536, 16, false};
  run(spec, [this](Worker& worker) {
    for (std::uint64_t i = 1; i <= 10; ++i) {
      ASSERT_TRUE(testing::await([&] { return operations_of(worker) >= i; }));
      EXPECT_EQ(operations_of(worker), i);
      clock.advance(util::kSecond);
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_NEAR(totals.ops[0].latency.sum_seconds(), 0, 0.001);
}

}  // namespace
}  // namespace spliced::run
