// SPDX-License-Identifier: Apache-2.0
#include "engine/splice/pipe.h"

#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

class PipeTest : public ::testing::Test {
 protected:
  FakeKernel sys{4096};
  SpliceCounters counters;
};

TEST_F(PipeTest, OpensOnceAndClosesBothEnds) {
  {
    Pipe pipe(sys, 65536, counters, Direction::write);
    EXPECT_EQ(sys.open_pipes(), 0U) << "a pipe is opened when it is needed";
    EXPECT_EQ(pipe.ensure_open(), 0);
    EXPECT_EQ(pipe.ensure_open(), 0);
    EXPECT_EQ(sys.calls(Call::pipe), 1U);
    EXPECT_NE(pipe.read_end(), pipe.write_end());
  }
  EXPECT_EQ(sys.open_pipes(), 0U);
  EXPECT_EQ(sys.calls(Call::close), 2U);
  EXPECT_EQ(counters.pipe_resets.get(), 0U);
}

TEST_F(PipeTest, ADefaultPipeIsLeftAsItIs) {
  Pipe pipe(sys, 65536, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(sys.calls(Call::set_pipe_size), 0U);
  EXPECT_EQ(pipe.capacity(), 65536U);
}

TEST_F(PipeTest, GrowsToWhatIsWanted) {
  Pipe pipe(sys, 1 << 20, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 1U << 20);
  EXPECT_EQ(counters.pipe_size_bytes[1].get(), 1U << 20);
  EXPECT_EQ(sys.calls(Call::set_pipe_size), 1U);
}

TEST_F(PipeTest, ShrinksWhenLessIsWanted) {
  Pipe pipe(sys, 16384, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 16384U);
}

TEST_F(PipeTest, UsesWhatTheSystemGrantsAndSaysSo) {
  sys.max_pipe_bytes = 262144;
  Pipe pipe(sys, 1 << 20, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 262144U);
  EXPECT_EQ(counters.pipe_size_bytes[1].get(), 262144U);
}

TEST_F(PipeTest, APipeThatCannotGrowStaysAsItIs) {
  for (const int error : {EPERM, ENOMEM, EBUSY}) {
    sys.always(Call::set_pipe_size, {error});
    Pipe pipe(sys, 1000000, counters, Direction::write);
    ASSERT_EQ(pipe.ensure_open(), 0);
    EXPECT_EQ(pipe.capacity(), 65536U);
  }
  for (const Record& call : sys.records(Call::set_pipe_size)) EXPECT_GT(call.length, 65536U) << "it need not shrink";
}

TEST_F(PipeTest, PastTheLimitOfTheUserAPipeHasOnePage) {
  sys.default_slots = 1;
  sys.max_pipe_bytes = 4096;
  Pipe pipe(sys, 1 << 20, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 4096U);
  EXPECT_EQ(counters.pipe_size_bytes[1].get(), 4096U);
}

TEST_F(PipeTest, ReportsTheSizeAfterTheKernelRoundedItUp) {
  Pipe pipe(sys, 5 * 65536, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 8U * 65536U);
}

TEST_F(PipeTest, AnUnknownSizeCountsAsOnePage) {
  sys.always(Call::get_pipe_size, {EINVAL});
  Pipe pipe(sys, 65536, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 4096U);
}

TEST_F(PipeTest, AnAbsurdSizeIsNoReasonToFail) {
  Pipe pipe(sys, std::numeric_limits<std::size_t>::max(), counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_GE(pipe.capacity(), 65536U);
  for (const Record& call : sys.records(Call::set_pipe_size)) EXPECT_LE(call.length, 0x7fffffffU);
}

TEST_F(PipeTest, NoDescriptorsIsAnErrorThatPasses) {
  sys.fail(Call::pipe, 1, EMFILE);
  Pipe pipe(sys, 65536, counters, Direction::write);
  EXPECT_EQ(pipe.ensure_open(), EMFILE);
  EXPECT_EQ(pipe.ensure_open(), 0);
}

TEST_F(PipeTest, AResetIsCountedAndThrowsTheBytesAway) {
  Pipe pipe(sys, 1 << 20, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  const std::byte bytes[512]{};
  ASSERT_EQ(sys.write(pipe.write_end(), bytes, sizeof bytes), 512);
  pipe.reset();
  EXPECT_EQ(sys.open_pipes(), 0U);
  EXPECT_EQ(counters.pipe_resets.get(), 1U);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(sys.bytes_in_pipes(), 0U);
  EXPECT_EQ(pipe.capacity(), 1U << 20) << "a new pipe is as large as the old one was";
}

TEST_F(PipeTest, ANewPipeThatIsSmallerIsReported) {
  Pipe pipe(sys, 1 << 20, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  pipe.reset();
  sys.default_slots = 1;
  sys.max_pipe_bytes = 4096;
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.capacity(), 4096U);
  EXPECT_EQ(counters.pipe_size_bytes[1].get(), 4096U);
}

TEST_F(PipeTest, HasASlotForEachPageOfItsSize) {
  Pipe pipe(sys, 65536, counters, Direction::write);
  ASSERT_EQ(pipe.ensure_open(), 0);
  EXPECT_EQ(pipe.slots(), 16U);
}

class PipeOfTheEngine : public EngineRig {};

TEST_F(PipeOfTheEngine, NoDescriptorsFailOneTransferOnly) {
  sys.fail(Call::pipe, 1, EMFILE);
  const auto buffer = make_filled(4096, 1);
  for (const Op op : {Op::read, Op::write}) {
    engine_.reset();
    sys.forget_calls();
    sys.fail(Call::pipe, 1, EMFILE);
    const IoSlot refused = run(op, 0, 4096, buffer);
    EXPECT_EQ(refused.outcome, Outcome::host_failed);
    EXPECT_EQ(refused.error, EMFILE);
    EXPECT_EQ(refused.moved, 0U);
    EXPECT_EQ(run(op, 0, 4096, buffer).outcome, Outcome::done);
  }
}

TEST_F(PipeOfTheEngine, NoDescriptorsForAReplacementFailOneTransferOnly) {
  sys.fail(Call::pipe_to_target, 1, EIO);
  sys.fail(Call::pipe, 2, EMFILE);
  const auto buffer = make_filled(4096, 2);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).error, EIO);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).error, EMFILE);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(0, buffer.data(), 4096));
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
}

TEST_F(PipeOfTheEngine, OnePipeForEachDirectionServesManyTransfers) {
  const auto buffer = make_filled(4096, 3);
  for (std::uint64_t i = 0; i < 50; ++i) {
    run(Op::write, i * 4096, 4096, buffer);
    run(Op::read, i * 4096, 4096, buffer);
  }
  EXPECT_EQ(sys.calls(Call::pipe), 2U);
  EXPECT_EQ(sys.calls(Call::set_pipe_size), 0U);
}

TEST_F(PipeOfTheEngine, ALargePipeMovesALargeBlockInOneCall) {
  use_pipes_of(1 << 20);
  use(ReadPath::copy);
  const auto buffer = make_filled(1 << 20, 4);
  EXPECT_EQ(run(Op::write, 0, 1 << 20, buffer).outcome, Outcome::done);
  EXPECT_EQ(run(Op::read, 0, 1 << 20, buffer).outcome, Outcome::done);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), 1U);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 1U);
}

TEST_F(PipeOfTheEngine, WhatWasObtainedIsUsedWhenThePipeCannotGrow) {
  use_pipes_of(1 << 20);
  sys.max_pipe_bytes = 65536;
  use(ReadPath::copy);
  const auto buffer = make_filled(1 << 20, 5);
  EXPECT_EQ(run(Op::write, 0, 1 << 20, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(0, buffer.data(), 1 << 20));
  EXPECT_EQ(run(Op::read, 0, 1 << 20, buffer).outcome, Outcome::done);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 16U);
  EXPECT_EQ(counters().pipe_size_bytes[1].get(), 65536U);
}

TEST_F(PipeOfTheEngine, IsClosedWithTheEngine) {
  const auto buffer = make_buffer(4096);
  run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(sys.open_pipes(), 1U);
  engine_.reset();
  EXPECT_EQ(sys.open_pipes(), 0U);
}

}  // namespace
}  // namespace spliced::engine::test
