// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kPipeful = 65536;

class SpliceEngineWrite : public EngineRig {
 protected:
  SpliceEngineWrite() : original(sys.target) {}
  // Exactly these bytes of the target have changed.
  void expect_only_changed(std::uint64_t offset, const std::byte* bytes, std::size_t length) {
    std::vector<std::byte> expected = original;
    std::copy_n(bytes, length, expected.begin() + static_cast<std::ptrdiff_t>(offset));
    EXPECT_TRUE(expected == sys.target);
  }
  std::vector<std::byte> original;
};

TEST_F(SpliceEngineWrite, PutsTheBytesAtTheOffsetAndNowhereElse) {
  const auto buffer = make_filled(8192, 1);
  const IoSlot transfer = run(Op::write, 12288, 8192, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, 8192U);
  EXPECT_GT(transfer.ended, 0);
  expect_only_changed(12288, buffer.data(), 8192);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), 1U);
  EXPECT_EQ(sys.calls(Call::write), 0U);
}

TEST_F(SpliceEngineWrite, ManySmallBlocksNeverFillThePipe) {
  const auto buffer = make_filled(512, 2);
  for (std::uint64_t block = 0; block < 600; ++block) {
    ASSERT_EQ(run(Op::write, block * 512, 512, buffer).outcome, Outcome::done);
    ASSERT_TRUE(target_has(block * 512, buffer.data(), 512));
  }
}

TEST_F(SpliceEngineWrite, ManySmallTransfersOfOneRunNeverFillThePipe) {
  const auto buffer = make_filled(kPipeful, 3);
  std::vector<IoSlot> transfers;
  for (std::size_t i = 0; i < 128; ++i) {
    transfers.push_back(make_transfer(Op::write, i * 512, 512, buffer.data() + i * 512));
  }
  run_all(engine(), transfers);
  for (const IoSlot& transfer : transfers) EXPECT_EQ(transfer.outcome, Outcome::done);
  expect_only_changed(0, buffer.data(), kPipeful);
}

TEST_F(SpliceEngineWrite, ABlockLargerThanThePipeGoesThroughInPieces) {
  const auto buffer = make_filled(5 * kPipeful + 512, 4);
  const IoSlot transfer = run(Op::write, 512, 5 * kPipeful + 512, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 5 * kPipeful + 512);
  expect_only_changed(512, buffer.data(), 5 * kPipeful + 512);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 6U);
}

TEST_F(SpliceEngineWrite, ABufferThatStartsInsideAPageTakesNoMoreSlotsThanThereAre) {
  const auto buffer = make_filled(3 * kPipeful, 5);
  for (const std::size_t shift : {1U, 512U, 3584U, 4095U}) {
    IoSlot transfer = make_transfer(Op::write, 4096, 2 * kPipeful, buffer.data() + shift);
    run_all(engine(), {&transfer, 1});
    EXPECT_EQ(transfer.outcome, Outcome::done);
    expect_only_changed(4096, buffer.data() + shift, 2 * kPipeful);
  }
}

TEST_F(SpliceEngineWrite, APipeOfOnePageIsEnough) {
  sys.default_slots = 1;
  sys.max_pipe_bytes = 4096;
  const auto buffer = make_filled(kPipeful, 6);
  EXPECT_EQ(run(Op::write, 0, kPipeful, buffer).outcome, Outcome::done);
  expect_only_changed(0, buffer.data(), kPipeful);
  EXPECT_EQ(counters().pipe_size_bytes[1].get(), 4096U);
}

TEST_F(SpliceEngineWrite, KeepsOffsetAndBufferInStepWhenSplicesAreShort) {
  for (std::size_t call = 1; call <= 20; ++call) sys.shorten(Call::pipe_to_target, call, call * 333);
  const auto buffer = make_filled(2 * kPipeful, 7);
  const IoSlot transfer = run(Op::write, 1024, 2 * kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 2 * kPipeful);
  expect_only_changed(1024, buffer.data(), 2 * kPipeful);
  EXPECT_GE(short_transfers(counters(), util::OpClass::write), 19U);
  EXPECT_EQ(short_transfers(counters(), util::OpClass::write), short_calls(sys.records(Call::pipe_to_target)));
  EXPECT_EQ(short_transfers(counters(), util::OpClass::read), 0U);
}

TEST_F(SpliceEngineWrite, GoesOnAfterVmspliceTookSomePagesOnly) {
  for (std::size_t call = 1; call <= 4; ++call) sys.shorten(Call::memory_to_pipe, call, call * 4096);
  const auto buffer = make_filled(2 * kPipeful, 8);
  EXPECT_EQ(run(Op::write, 0, 2 * kPipeful, buffer).outcome, Outcome::done);
  expect_only_changed(0, buffer.data(), 2 * kPipeful);
}

// Linux ends a short vmsplice at a page; another kernel, or a refactored one, need not.
TEST_F(SpliceEngineWrite, AVmspliceThatEndsInsideAPageDoesNotOverfillThePipe) {
  sys.short_at_any_byte = true;
  sys.shorten(Call::memory_to_pipe, 1, 100);
  sys.shorten(Call::memory_to_pipe, 2, 7000);
  const auto buffer = make_filled(kPipeful, 9);
  EXPECT_EQ(run(Op::write, 0, kPipeful, buffer).outcome, Outcome::done);
  expect_only_changed(0, buffer.data(), kPipeful);
}

TEST_F(SpliceEngineWrite, TheBytesLeaveThePipeBeforeRunReturns) {
  const auto buffer = make_filled(kPipeful, 10);
  const std::vector<std::byte> written(buffer.data(), buffer.data() + kPipeful);
  ASSERT_EQ(run(Op::write, 0, kPipeful, buffer).outcome, Outcome::done);
  fill({buffer.data(), kPipeful}, 11);  // what a caller does with a buffer that is its own again
  ASSERT_EQ(run(Op::write, 2 * kPipeful, 512, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(0, written.data(), kPipeful));
}

TEST_F(SpliceEngineWrite, ASpliceOfNothingIsTheEndOfTheTarget) {
  sys.target.resize(100000);
  const auto buffer = make_filled(kPipeful, 12);
  const IoSlot transfer = run(Op::write, 65536, kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::end_of_target);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, 100000U - 65536U);
  EXPECT_TRUE(target_has(65536, buffer.data(), transfer.moved));
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), 2U);
}

TEST_F(SpliceEngineWrite, AFullTargetFailsWithWhatWasMoved) {
  sys.target.resize(100000);
  sys.end_error = ENOSPC;
  const auto buffer = make_filled(kPipeful, 13);
  const IoSlot transfer = run(Op::write, 65536, kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, ENOSPC);
  EXPECT_EQ(transfer.moved, 100000U - 65536U);
}

TEST_F(SpliceEngineWrite, NoStaleByteIsWrittenAfterAFailedSplice) {
  sys.shorten(Call::pipe_to_target, 1, 4096);
  sys.fail(Call::pipe_to_target, 2, EIO);
  const auto first = make_filled(kPipeful, 14);
  const auto second = make_filled(kPipeful, 15);
  const IoSlot failed = run(Op::write, 0, kPipeful, first);
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.error, EIO);
  EXPECT_EQ(failed.moved, 4096U);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  expect_only_changed(0, first.data(), 4096);
  EXPECT_EQ(run(Op::write, 2 * kPipeful, kPipeful, second).outcome, Outcome::done);
  EXPECT_TRUE(target_has(2 * kPipeful, second.data(), kPipeful));
  EXPECT_TRUE(target_has(kPipeful, original.data() + kPipeful, kPipeful));
}

TEST_F(SpliceEngineWrite, NoStaleByteOfAFailedWriteReachesAReader) {
  sys.fail(Call::pipe_to_target, 1, EIO);
  const auto buffer = make_filled(kPipeful, 16);
  use(ReadPath::copy);
  ASSERT_EQ(run(Op::write, 0, kPipeful, buffer).outcome, Outcome::failed);
  const IoSlot read = run(Op::read, 4096, 4096, buffer);
  EXPECT_EQ(read.outcome, Outcome::done);
  EXPECT_TRUE(target_has(4096, read.data, 4096));
  EXPECT_TRUE(original == sys.target);
}

TEST_F(SpliceEngineWrite, WhatWentInBeforeAnErrorOfFillingIsWritten) {
  sys.shorten(Call::memory_to_pipe, 1, 4096);
  sys.fail(Call::memory_to_pipe, 2, ENOMEM);
  const auto buffer = make_filled(kPipeful, 17);
  const IoSlot transfer = run(Op::write, 0, kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::host_failed);
  EXPECT_EQ(transfer.error, ENOMEM);
  EXPECT_EQ(transfer.moved, 4096U);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  expect_only_changed(0, buffer.data(), 4096);
}

TEST_F(SpliceEngineWrite, AVmspliceOfNothingIsAnErrorAndNoEndlessLoop) {
  sys.shorten(Call::memory_to_pipe, 1, 0);
  const auto buffer = make_filled(4096, 18);
  const IoSlot transfer = run(Op::write, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::host_failed);
  EXPECT_EQ(transfer.error, EIO);
}

TEST_F(SpliceEngineWrite, AFailedTransferDoesNotStopThoseAfterIt) {
  sys.fail(Call::pipe_to_target, 2, EIO);
  const auto buffer = make_filled(3 * 4096, 19);
  std::vector<IoSlot> transfers;
  for (std::size_t i = 0; i < 3; ++i) {
    transfers.push_back(make_transfer(Op::write, i * 8192, 4096, buffer.data() + i * 4096));
  }
  run_all(engine(), transfers);
  EXPECT_EQ(transfers[0].outcome, Outcome::done);
  EXPECT_EQ(transfers[1].outcome, Outcome::failed);
  EXPECT_EQ(transfers[2].outcome, Outcome::done);
  EXPECT_TRUE(target_has(16384, buffer.data() + 8192, 4096));
  EXPECT_TRUE(target_has(8192, original.data() + 8192, 4096));
  EXPECT_LT(transfers[0].ended, transfers[1].ended);
  EXPECT_LT(transfers[1].ended, transfers[2].ended);
}

TEST_F(SpliceEngineWrite, EinvalBeforeAnySuccessMeansThatTheTargetCannotSplice) {
  sys.fail(Call::pipe_to_target, 1, EINVAL);
  const auto buffer = make_filled(4096, 20);
  const IoSlot transfer = run(Op::write, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::unsupported);
  EXPECT_EQ(transfer.error, EINVAL);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), 1U);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_F(SpliceEngineWrite, EinvalAfterASuccessIsAnOrdinaryError) {
  sys.fail(Call::pipe_to_target, 2, EINVAL);
  const auto buffer = make_filled(4096, 21);
  ASSERT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  const IoSlot transfer = run(Op::write, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, EINVAL);
}

TEST_F(SpliceEngineWrite, ReadsThatWorkDoNotVouchForWrites) {
  use(ReadPath::copy);
  sys.fail(Call::pipe_to_target, 1, EINVAL);
  const auto buffer = make_filled(4096, 22);
  ASSERT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::unsupported);
}

TEST_F(SpliceEngineWrite, AnInterruptedCallIsRepeatedWithTheSameBytes) {
  sys.fail(Call::memory_to_pipe, 1, EINTR);
  sys.fail(Call::pipe_to_target, 1, EINTR);
  sys.shorten(Call::pipe_to_target, 2, 512);
  sys.fail(Call::pipe_to_target, 3, EINTR);
  const auto buffer = make_filled(8192, 23);
  EXPECT_EQ(run(Op::write, 4096, 8192, buffer).outcome, Outcome::done);
  expect_only_changed(4096, buffer.data(), 8192);
  EXPECT_EQ(retries(counters(), EINTR), 3U);
}

TEST_F(SpliceEngineWrite, AStopWhileTheTargetBlocksEndsTheTransferAndReplacesThePipe) {
  sys.on(Call::pipe_to_target, 2, stop_and_interrupt());
  const auto buffer = make_filled(2 * kPipeful, 24);
  const IoSlot transfer = run(Op::write, 0, 2 * kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, kPipeful);
  EXPECT_EQ(sys.pipes_thrown_away(), 1U);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  expect_only_changed(0, buffer.data(), kPipeful);
}

TEST_F(SpliceEngineWrite, WhatWentInBeforeAStopOfFillingIsWritten) {
  sys.shorten(Call::memory_to_pipe, 1, 4096);
  sys.on(Call::memory_to_pipe, 2, stop_and_interrupt());
  const auto buffer = make_filled(kPipeful, 25);
  const IoSlot transfer = run(Op::write, 0, kPipeful, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_EQ(transfer.moved, 4096U);
  EXPECT_EQ(sys.pipes_thrown_away(), 1U);
  expect_only_changed(0, buffer.data(), 4096);
}

TEST_F(SpliceEngineWrite, PagesAreGiftedOnlyWhenAsked) {
  const auto buffer = make_filled(4096, 26);
  ASSERT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_EQ(sys.records(Call::memory_to_pipe).at(0).flags, 0U);
  engine_.reset();
  sys.forget_calls();
  config.gift = true;
  use(ReadPath::copy);
  ASSERT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  ASSERT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_EQ(sys.records(Call::memory_to_pipe).at(0).flags, static_cast<unsigned>(SPLICE_F_GIFT));
  EXPECT_EQ(sys.records(Call::pipe_to_memory).at(0).flags, 0U);
}

TEST_F(SpliceEngineWrite, AWriteHasNoReadData) {
  const auto buffer = make_filled(4096, 27);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).data, nullptr);
}

}  // namespace
}  // namespace spliced::engine::test
