// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::array<Call, 5> kPlainCalls{Call::discard, Call::punch_hole, Call::fsync, Call::fdatasync,
                                          Call::sync_file_range};

class PlainOperations : public EngineRig {
 protected:
  IoSlot run_plain(Op op) {
    IoSlot transfer = make_transfer(op, 8192, 4096, nullptr);
    run_all(engine(), {&transfer, 1});
    return transfer;
  }
  // `call` was made once, on the target, and none of the others.
  void expect_only(Call call) {
    for (const Call other : kPlainCalls) EXPECT_EQ(sys.calls(other), other == call ? 1U : 0U);
    ASSERT_EQ(sys.records(call).size(), 1U);
    EXPECT_EQ(sys.records(call).at(0).fd, kTargetFd);
    EXPECT_EQ(sys.open_pipes(), 0U) << "no pipe is needed for this";
  }
};

TEST_F(PlainOperations, TrimDiscardsOnABlockDevice) {
  config.block_device = true;
  const IoSlot transfer = run_plain(Op::trim);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 4096U);
  EXPECT_GT(transfer.ended, 0);
  expect_only(Call::discard);
  EXPECT_EQ(sys.records(Call::discard).at(0).offset, 8192U);
  EXPECT_EQ(sys.records(Call::discard).at(0).length, 4096U);
}

TEST_F(PlainOperations, TrimPunchesAHoleInAFile) {
  const IoSlot transfer = run_plain(Op::trim);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 4096U);
  expect_only(Call::punch_hole);
  EXPECT_EQ(sys.records(Call::punch_hole).at(0).offset, 8192U);
  EXPECT_EQ(sys.records(Call::punch_hole).at(0).length, 4096U);
}

TEST_F(PlainOperations, FsyncIsFsync) {
  EXPECT_EQ(run_plain(Op::fsync).outcome, Outcome::done);
  expect_only(Call::fsync);
}

TEST_F(PlainOperations, FdatasyncIsFdatasync) {
  EXPECT_EQ(run_plain(Op::fdatasync).outcome, Outcome::done);
  expect_only(Call::fdatasync);
}

TEST_F(PlainOperations, SyncFileRangePassesItsRangeOn) {
  EXPECT_EQ(run_plain(Op::sync_file_range).outcome, Outcome::done);
  expect_only(Call::sync_file_range);
  EXPECT_EQ(sys.records(Call::sync_file_range).at(0).offset, 8192U);
  EXPECT_EQ(sys.records(Call::sync_file_range).at(0).length, 4096U);
}

TEST_F(PlainOperations, SyncsMoveNoBytes) {
  for (const Op op : {Op::fsync, Op::fdatasync, Op::sync_file_range}) EXPECT_EQ(run_plain(op).moved, 0U);
}

struct OpAndCall {
  Op op;
  Call call;
};
constexpr std::array<OpAndCall, 4> kFilePairs{{{Op::trim, Call::punch_hole},
                                               {Op::fsync, Call::fsync},
                                               {Op::fdatasync, Call::fdatasync},
                                               {Op::sync_file_range, Call::sync_file_range}}};

TEST_F(PlainOperations, ErrorsAreReportedAndNothingMoved) {
  for (const auto& [op, call] : kFilePairs) {
    sys.forget_calls();
    sys.fail(call, 1, EOPNOTSUPP);
    const IoSlot transfer = run_plain(op);
    EXPECT_EQ(transfer.outcome, Outcome::failed);
    EXPECT_EQ(transfer.error, EOPNOTSUPP);
    EXPECT_EQ(transfer.moved, 0U);
    EXPECT_EQ(sys.calls(call), 1U);
  }
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_F(PlainOperations, AnInterruptedCallIsRepeated) {
  for (const auto& [op, call] : kFilePairs) {
    sys.forget_calls();
    sys.fail(call, 1, EINTR);
    EXPECT_EQ(run_plain(op).outcome, Outcome::done);
    EXPECT_EQ(sys.calls(call), 2U);
  }
  EXPECT_EQ(retries(counters(), EINTR), kFilePairs.size());
}

TEST_F(PlainOperations, AStopEndsABlockedCall) {
  for (const auto& [op, call] : kFilePairs) {
    stop = std::stop_source();
    engine_.reset();
    sys.forget_calls();
    sys.on(call, 1, stop_and_interrupt());
    const IoSlot transfer = run_plain(op);
    EXPECT_EQ(transfer.outcome, Outcome::stopped);
    EXPECT_EQ(transfer.error, 0);
    EXPECT_EQ(transfer.moved, 0U);
  }
}

TEST_F(PlainOperations, AFailedSyncDoesNotTouchThePipe) {
  const auto buffer = make_filled(4096, 1);
  ASSERT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  sys.fail(Call::fsync, 1, EIO);
  EXPECT_EQ(run_plain(Op::fsync).error, EIO);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
  EXPECT_EQ(sys.calls(Call::pipe), 1U);
}

TEST_F(PlainOperations, EinvalOfATrimSaysNothingAboutSplice) {
  sys.fail(Call::punch_hole, 1, EINVAL);
  EXPECT_EQ(run_plain(Op::trim).outcome, Outcome::failed);
}

TEST_F(PlainOperations, NoTransfersAreNoCalls) {
  run_all(engine(), {});
  EXPECT_TRUE(sys.records().empty());
}

}  // namespace
}  // namespace spliced::engine::test
