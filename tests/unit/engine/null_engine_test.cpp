// SPDX-License-Identifier: Apache-2.0
#include "engine/null/null_engine.h"

#include "rig.h"

namespace spliced::engine::test {
namespace {

TEST(NullEngine, SucceedsAtOnceWithEveryByte) {
  CountingClock clock;
  NullEngine engine(clock);
  const auto buffer = make_filled(4096, 1);
  std::vector<IoSlot> transfers;
  for (const Op op : {Op::read, Op::write, Op::trim, Op::fsync, Op::fdatasync, Op::sync_file_range}) {
    transfers.push_back(make_transfer(op, 4096, 4096, buffer.data()));
  }
  run_all(engine, transfers);
  util::Nanos previous = 0;
  for (const IoSlot& transfer : transfers) {
    EXPECT_EQ(transfer.outcome, Outcome::done);
    EXPECT_EQ(transfer.moved, transfer.op <= Op::trim ? transfer.length : 0U);
    EXPECT_EQ(transfer.error, 0);
    EXPECT_EQ(transfer.data, transfer.op == Op::read ? buffer.data() : nullptr);
    EXPECT_GT(transfer.ended, previous);
    previous = transfer.ended;
  }
}

TEST(NullEngine, TouchesNoByteOfTheBuffer) {
  CountingClock clock;
  NullEngine engine(clock);
  const auto buffer = make_filled(4096, 2);
  const std::vector<std::byte> before(buffer.data(), buffer.data() + 4096);
  IoSlot transfer = make_transfer(Op::read, 0, 4096, buffer.data());
  run_all(engine, {&transfer, 1});
  EXPECT_TRUE(std::equal(before.begin(), before.end(), buffer.data()));
}

// A caller uses its transfers again and again, with whichever engine the job has.
TEST(NullEngine, AReusedTransferForgetsItsError) {
  CountingClock clock;
  NullEngine engine(clock);
  const auto buffer = make_buffer(4096);
  IoSlot transfer = make_transfer(Op::write, 0, 4096, buffer.data());
  transfer.error = 5;
  run_all(engine, {&transfer, 1});
  EXPECT_EQ(transfer.error, 0);
}

TEST(NullEngine, NoTransfersAreNoWork) {
  CountingClock clock;
  NullEngine engine(clock);
  run_all(engine, {});
}

}  // namespace
}  // namespace spliced::engine::test
