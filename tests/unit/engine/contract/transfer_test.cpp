// SPDX-License-Identifier: Apache-2.0
// The contract of every engine: which bytes go where.
#include <cerrno>
#include <utility>

#include "contract.h"
#include "unit/engine/allocations.h"

namespace spliced::engine::contract {
namespace {

class EngineTransfer : public ContractTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { use(GetParam()); }
  void run_and_check() {
    run_all();
    expect_all_done();
    expect_consistent();
  }
};
INSTANTIATE_TEST_SUITE_P(Contract, EngineTransfer, engines_with_a_target(),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(EngineTransfer, ReadsEachBlockFromItsOwnOffset) {
  make(Op::read, 48);
  run_and_check();
}

TEST_P(EngineTransfer, WritesEachBlockToItsOwnOffsetAndNothingElse) {
  make(Op::write, 48);
  run_and_check();
}

TEST_P(EngineTransfer, DirectionsMixedKeepApart) {
  make(Op::write, 40);
  for (std::size_t i = 0; i < slots.size(); i += 3) slots[i].op = Op::read;
  run_and_check();
}

TEST_P(EngineTransfer, BlocksOfEverySizeAreMovedWhole) {
  for (const std::size_t block : {512U, 1536U, 4096U, 12'288U, 65'536U, 262'144U}) {
    for (const Op op : {Op::write, Op::read}) {
      SCOPED_TRACE(block);
      given_back.clear();
      make(op, 1, block);
      slots[0].offset = 8192 + block;
      run_and_check();
    }
  }
}

TEST_P(EngineTransfer, ABlockLargerThanAnyPipe) {
  for (const Op op : {Op::write, Op::read}) {
    given_back.clear();
    make(op, 1, 900 * 1024);
    slots[0].offset = 4096;
    run_and_check();
  }
}

TEST_P(EngineTransfer, SmallBlocksThatAreNeighbours) {
  make(Op::write, 64, 512);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i].offset = 512 * i;
  run_and_check();
}

TEST_P(EngineTransfer, BlocksThatShareOneBufferAreCopies) {
  make(Op::write, 16);
  for (IoSlot& slot : slots) slot.buffer = buffers.data();
  run_and_check();
}

TEST_P(EngineTransfer, AWrittenBufferIsTheCallersAgainOnceItIsReaped) {
  make(Op::write, 16);
  run_and_check();
  fill({buffers.data(), 16 * kBlock}, 99);
  EXPECT_TRUE(test::same(subject->target(), model)) << "the target has the bytes of then";
}

TEST_P(EngineTransfer, WhatWasWrittenIsReadBack) {
  make(Op::write, 32);
  run_and_check();
  for (IoSlot& slot : slots) slot.op = Op::read;
  fill({buffers.data(), 32 * kBlock}, 5);
  given_back.clear();
  run_and_check();
}

TEST_P(EngineTransfer, ReadsThatReachBehindTheEndGetWhatThereIs) {
  make(Op::read, 3, 2 * kBlock);
  slots[0].offset = Subject::kTargetBytes - 2 * kBlock;
  slots[1].offset = Subject::kTargetBytes - kBlock;
  slots[2].offset = Subject::kTargetBytes;
  run_all();
  expect_done(slots[0]);
  EXPECT_EQ(slots[1].outcome, Outcome::end_of_target);
  EXPECT_EQ(slots[1].moved, kBlock);
  EXPECT_EQ(slots[2].outcome, Outcome::end_of_target);
  EXPECT_EQ(slots[2].moved, 0U);
  for (const IoSlot& slot : slots) EXPECT_EQ(slot.error, 0);
  expect_consistent();
}

TEST_P(EngineTransfer, DataOfAReadIsWhereTheSlotSays) {
  make(Op::read, 1);
  run_all();
  ASSERT_NE(slots[0].data, nullptr);
  EXPECT_TRUE(std::equal(slots[0].data, slots[0].data + kBlock, model.begin() + index(slots[0].offset)));
  EXPECT_TRUE(engine().traits().keeps_data);
}

TEST_P(EngineTransfer, AWriteHasNoData) {
  make(Op::write, 1);
  slots[0].data = buffers.data();
  run_all();
  EXPECT_EQ(slots[0].data, nullptr);
}

TEST_P(EngineTransfer, SyncsAndTrimsEndAndMoveNoBytesOfMemory) {
  for (const Op op : {Op::fsync, Op::fdatasync, Op::sync_file_range, Op::trim}) {
    given_back.clear();
    make(op, 1);
    run_all();
    EXPECT_EQ(slots[0].outcome, Outcome::done);
    EXPECT_EQ(slots[0].moved, op == Op::trim ? kBlock : 0U);
  }
  EXPECT_TRUE(test::same(subject->target(), model));
}

TEST_P(EngineTransfer, SyncsAndTrimsDoNotBeginWhenTheTimeIsUpOrAfterAStop) {
  std::size_t calls = 0;
  subject->hook = [&](Op, std::uint64_t) {
    ++calls;
    return Fault{};
  };
  for (const bool stopped : {false, true}) {
    if (stopped) subject->stop.request_stop();
    for (const Op op : {Op::fsync, Op::fdatasync, Op::sync_file_range, Op::trim}) {
      given_back.clear();
      make(op, 1);
      ASSERT_EQ(submit(slots), 1U);
      EXPECT_TRUE(reap(1, 1, stopped ? 0 : 1).empty());
      EXPECT_EQ(withdraw(1).size(), 1U);
    }
  }
  EXPECT_EQ(calls, 0U);
}

TEST_P(EngineTransfer, SyncsAndTrimsAreMadeAgainAfterASignalAndTellTheirErrors) {
  for (const Op op : {Op::fsync, Op::fdatasync, Op::sync_file_range, Op::trim}) {
    for (const int error : {EINTR, EIO}) {
      bool once = false;
      subject->hook = [&](Op, std::uint64_t) { return std::exchange(once, true) ? Fault{} : Fault{error}; };
      given_back.clear();
      make(op, 1);
      run_all();
      EXPECT_EQ(slots[0].outcome, error == EINTR ? Outcome::done : Outcome::failed);
      EXPECT_EQ(slots[0].error, error == EINTR ? 0 : EIO);
    }
  }
}

TEST_P(EngineTransfer, AllocatesNothingWhileItRuns) {
  make(Op::write, std::min<std::size_t>(16, engine().traits().depth));
  run_all();
  given_back.clear();
  std::vector<IoSlot*> all, ended(slots.size());
  for (IoSlot& slot : slots) all.push_back(&slot);
  const bool counts = std::string(GetParam()).ends_with("real");  // the doubles themselves allocate
  const std::uint64_t before = test::allocations();
  ASSERT_EQ(engine().submit(all), all.size());
  std::size_t count = 0;
  while (count < all.size()) count += engine().reap(ended, 1, 0);
  if (counts) {
    EXPECT_EQ(test::allocations(), before);
  }
}

TEST_P(EngineTransfer, AThousandBlocksAtRandomLeaveTheTargetAsTheModel) {
  util::Random random(2026);
  for (std::size_t turn = 0; turn < 60; ++turn) {
    given_back.clear();
    make(Op::write, 1 + random.below(24), 512 * (1 + random.below(20)));
    // No two of a turn overlap: what is in flight together has no order.
    const std::uint64_t room = Subject::kTargetBytes / slots.size() / 512;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      slots[i].op = random.below(3) == 0 ? Op::read : Op::write;
      slots[i].length = std::min(slots[i].length, room * 512);
      slots[i].offset = i * room * 512 + random.below(room - slots[i].length / 512 + 1) * 512;
    }
    run_and_check();
  }
}

}  // namespace
}  // namespace spliced::engine::contract
