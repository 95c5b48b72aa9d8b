// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kPipe = 65536;

// What every way out of the pipe must do alike. `map` works here; where it does not is the matter of other tests.
class EveryReadPath : public EngineRig, public ::testing::WithParamInterface<ReadPath> {
 protected:
  EveryReadPath() {
    sys.map_works = true;
    use(GetParam());
  }
  [[nodiscard]] static Call way_out() {
    constexpr std::array<Call, 4> kWays{Call::pipe_to_memory, Call::pipe_to_memory, Call::read, Call::pipe_to_sink};
    return kWays[static_cast<std::size_t>(GetParam())];
  }
  void expect_data(const IoSlot& transfer) const {
    if (GetParam() == ReadPath::discard) {
      EXPECT_EQ(transfer.data, nullptr);
      return;
    }
    ASSERT_NE(transfer.data, nullptr);
    EXPECT_EQ(transfer.data == transfer.buffer, GetParam() != ReadPath::map);
    EXPECT_TRUE(target_has(transfer.offset, transfer.data, transfer.moved));
  }
};

INSTANTIATE_TEST_SUITE_P(Paths, EveryReadPath,
                         ::testing::Values(ReadPath::map, ReadPath::copy, ReadPath::read, ReadPath::discard),
                         [](const auto& path) {
                           return std::string(kReadPathNames[static_cast<std::size_t>(path.param)]);
                         });

TEST_P(EveryReadPath, MovesTheBytesOfTheOffset) {
  const auto buffer = make_buffer(kPipe);
  const IoSlot transfer = run(Op::read, 12288, 8192, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, 8192U);
  expect_data(transfer);
  EXPECT_EQ(counters().read_path.load(), GetParam());
  EXPECT_EQ(fallbacks(counters()), 0U);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
}

TEST_P(EveryReadPath, ReadsSmallBlocks) {
  const auto buffer = make_buffer(512);
  for (std::uint64_t block = 0; block < 300; ++block) {
    const IoSlot transfer = run(Op::read, block * 512, 512, buffer);
    ASSERT_EQ(transfer.outcome, Outcome::done);
    expect_data(transfer);
  }
}

TEST_P(EveryReadPath, ReadsABlockLargerThanThePipeInPieces) {
  const auto buffer = make_buffer(3 * kPipe + 512);
  const IoSlot transfer = run(Op::read, 512, 3 * kPipe + 512, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 3 * kPipe + 512);
  expect_data(transfer);
  std::uint64_t next = 512;
  for (const Record& call : sys.records(Call::target_to_pipe)) {
    EXPECT_LE(call.length, kPipe);
    EXPECT_EQ(call.offset, next);
    next += static_cast<std::uint64_t>(call.result);
  }
}

TEST_P(EveryReadPath, NeverTouchesTheBufferBeyondTheLength) {
  const auto buffer = make_filled(2 * kPipe, 7);
  const std::vector<std::byte> before(buffer.data(), buffer.data() + buffer.size());
  ASSERT_EQ(run(Op::read, 0, 5000, buffer).outcome, Outcome::done);
  EXPECT_TRUE(std::equal(before.begin() + 5000, before.end(), buffer.data() + 5000));
}

TEST_P(EveryReadPath, KeepsOffsetAndBufferInStepWhenSplicesAreShort) {
  for (std::size_t call = 1; call < 12; ++call) sys.shorten(Call::target_to_pipe, call, call * 777);
  const auto buffer = make_buffer(2 * kPipe);
  const IoSlot transfer = run(Op::read, 1000, 2 * kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 2 * kPipe);
  expect_data(transfer);
  EXPECT_GE(short_transfers(counters(), util::OpClass::read), 11U);
  EXPECT_EQ(short_transfers(counters(), util::OpClass::read), short_calls(sys.records(Call::target_to_pipe)));
  EXPECT_EQ(short_transfers(counters(), util::OpClass::write), 0U);
}

TEST_P(EveryReadPath, GoesOnAfterShortResultsOnTheWayOut) {
  for (std::size_t call = 1; call < 20; ++call) sys.shorten(way_out(), call, 1 + call * 501);
  const auto buffer = make_buffer(kPipe);
  const IoSlot transfer = run(Op::read, 4096, kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, kPipe);
  expect_data(transfer);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
}

TEST_P(EveryReadPath, EndOfTargetInsideABlockIsAShortTransferWithoutError) {
  sys.target.resize(100000);
  const auto buffer = make_buffer(2 * kPipe);
  const IoSlot transfer = run(Op::read, 4096, 2 * kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::end_of_target);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, 100000U - 4096U);
  expect_data(transfer);
}

TEST_P(EveryReadPath, ASpliceOfNothingEndsTheTransferAtOnce) {
  const auto buffer = make_buffer(kPipe);
  const IoSlot transfer = run(Op::read, sys.target.size(), kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::end_of_target);
  EXPECT_EQ(transfer.moved, 0U);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::wait), 0U);
}

TEST_P(EveryReadPath, AnErrorOfTheTargetEndsOneTransferOnly) {
  sys.fail(Call::target_to_pipe, 2, EIO);
  std::vector<PageBuffer> buffers;
  std::vector<IoSlot> transfers;
  for (std::uint64_t i = 0; i < 3; ++i) {
    buffers.push_back(make_buffer(4096));
    transfers.push_back(make_transfer(Op::read, i * 8192, 4096, buffers.back().data()));
  }
  run_all(engine(), transfers);
  EXPECT_EQ(transfers[0].outcome, Outcome::done);
  EXPECT_EQ(transfers[1].outcome, Outcome::failed);
  EXPECT_EQ(transfers[1].error, EIO);
  EXPECT_EQ(transfers[1].moved, 0U);
  EXPECT_EQ(transfers[1].data, nullptr);
  EXPECT_EQ(transfers[2].outcome, Outcome::done);
  expect_data(transfers[2]);
  EXPECT_LT(transfers[0].ended, transfers[1].ended);
  EXPECT_LT(transfers[1].ended, transfers[2].ended);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_P(EveryReadPath, NoStaleByteReachesTheNextTransferAfterAFailedWayOut) {
  const auto buffer = make_buffer(kPipe);
  ASSERT_EQ(run(Op::read, 0, 512, buffer).outcome, Outcome::done);
  sys.forget_calls();
  sys.shorten(way_out(), 1, 1000);
  sys.fail(way_out(), 2, EIO);
  const IoSlot failed = run(Op::read, 0, 8192, buffer);
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.error, EIO);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
  EXPECT_EQ(sys.pipes_thrown_away(), 1U);
  const IoSlot next = run(Op::read, 40960, 8192, buffer);
  EXPECT_EQ(next.outcome, Outcome::done);
  expect_data(next);
}

TEST_P(EveryReadPath, NothingOutOfAPipeThatHoldsBytesIsAnErrorAndNoEndlessLoop) {
  sys.shorten(way_out(), 1, 0);
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, EIO);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
}

TEST_P(EveryReadPath, AnInterruptedCallIsRepeated) {
  sys.fail(Call::target_to_pipe, 1, EINTR);
  sys.fail(way_out(), 1, EINTR);
  sys.fail(way_out(), 2, EINTR);
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 8192, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  expect_data(transfer);
  EXPECT_EQ(retries(counters(), EINTR), 3U);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
}

TEST_P(EveryReadPath, AStopWhileTheTargetBlocksEndsTheTransfer) {
  sys.on(Call::target_to_pipe, 2, stop_and_interrupt());
  const auto buffer = make_buffer(2 * kPipe);
  const IoSlot transfer = run(Op::read, 0, 2 * kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(transfer.moved, kPipe);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 2U);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
}

TEST_P(EveryReadPath, AStopOnTheWayOutReplacesThePipe) {
  sys.on(way_out(), 1, stop_and_interrupt());
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(sys.pipes_thrown_away(), 1U);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_P(EveryReadPath, EinvalBeforeAnySuccessMeansThatTheTargetCannotSplice) {
  sys.fail(Call::target_to_pipe, 1, EINVAL);
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::unsupported);
  EXPECT_EQ(transfer.error, EINVAL);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::wait), 0U);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_P(EveryReadPath, EinvalAfterASuccessIsAnOrdinaryError) {
  sys.fail(Call::target_to_pipe, 2, EINVAL);
  const auto buffer = make_buffer(4096);
  ASSERT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
  const IoSlot transfer = run(Op::read, 4096, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, EINVAL);
}

TEST_P(EveryReadPath, AllErrorsOfTheTargetAreReportedAsTheyAre) {
  const auto buffer = make_buffer(4096);
  ASSERT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
  const auto expect_outcome = [&](std::initializer_list<int> errors, Outcome outcome) {
    for (const int error : errors) {
      sys.forget_calls();
      sys.fail(Call::target_to_pipe, 1, error);
      const IoSlot transfer = run(Op::read, 0, 4096, buffer);
      EXPECT_EQ(transfer.outcome, outcome) << util::errno_name(error);
      EXPECT_EQ(transfer.error, error);
    }
  };
  expect_outcome({EIO, EOPNOTSUPP, ENXIO, EREMOTEIO}, Outcome::failed);
  expect_outcome({EPERM, EACCES, EBADF, ENOSYS, EFAULT, ENOMEM, EMFILE, ENFILE}, Outcome::host_failed);
  EXPECT_EQ(fallbacks(counters()), 0U) << "an error of the target says nothing about the way out";
}

TEST_P(EveryReadPath, AReusedTransferForgetsWhatItWas) {
  const auto buffer = make_buffer(4096);
  IoSlot transfer = make_transfer(Op::read, 4096, 4096, buffer.data());
  transfer.moved = 77;
  transfer.error = ENXIO;
  run_all(engine(), {&transfer, 1});
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.moved, 4096U);
  EXPECT_EQ(transfer.error, 0);
  expect_data(transfer);
}

class MapPath : public EngineRig {
 protected:
  MapPath() {
    sys.map_works = true;
    use(ReadPath::map);
  }
};

TEST_F(MapPath, TheMappingLivesUntilTheNextRun) {
  const auto buffer = make_buffer(8192);
  const IoSlot first = run(Op::read, 0, 8192, buffer);
  EXPECT_EQ(sys.open_mappings(), 1U);
  EXPECT_TRUE(target_has(0, first.data, 8192));
  run(Op::fsync, 0, 0, buffer);
  EXPECT_EQ(sys.open_mappings(), 0U);
}

TEST_F(MapPath, EveryTransferHasAFreshMappingOfItsLength) {
  const auto buffer = make_buffer(2 * kPipe);
  for (std::size_t i = 1; i <= 5; ++i) ASSERT_EQ(run(Op::read, 0, i * 8192, buffer).outcome, Outcome::done);
  const auto maps = sys.records(Call::map);
  ASSERT_EQ(maps.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(maps[i].length, (i + 1) * 8192);
  EXPECT_EQ(sys.open_mappings(), 1U);
}

TEST_F(MapPath, EarlierReadsOfOneRunEndInTheirBuffers) {
  const auto first = make_buffer(8192);
  const auto second = make_buffer(8192);
  std::vector<IoSlot> transfers{make_transfer(Op::read, 0, 8192, first.data()),
                                make_transfer(Op::read, 65536, 8192, second.data())};
  run_all(engine(), transfers);
  EXPECT_EQ(transfers[0].data, first.data());
  EXPECT_TRUE(target_has(0, transfers[0].data, 8192));
  EXPECT_NE(transfers[1].data, second.data());
  EXPECT_TRUE(target_has(65536, transfers[1].data, 8192));
  EXPECT_EQ(sys.open_mappings(), 1U);
}

TEST_F(MapPath, AReadBeforeAWriteOfTheSameRunKeepsItsBytes) {
  const auto first = make_buffer(4096);
  const auto second = make_filled(4096, 3);
  const std::vector<std::byte> before(sys.target.begin(), sys.target.begin() + 4096);
  std::vector<IoSlot> transfers{make_transfer(Op::read, 0, 4096, first.data()),
                                make_transfer(Op::write, 0, 4096, second.data())};
  run_all(engine(), transfers);
  ASSERT_EQ(transfers[0].data, first.data());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), first.data()));
  EXPECT_TRUE(target_has(0, second.data(), 4096));
}

TEST_F(MapPath, AShortReadLeavesWhatWasReadInTheMapping) {
  sys.target.resize(5000);
  const auto first = make_filled(8192, 9);
  const auto second = make_buffer(4096);
  std::vector<IoSlot> transfers{make_transfer(Op::read, 0, 8192, first.data()),
                                make_transfer(Op::read, 0, 4096, second.data())};
  ASSERT_EQ(run_some(engine(), transfers, 0), 1U);
  EXPECT_EQ(transfers[0].outcome, Outcome::end_of_target);
  ASSERT_EQ(transfers[0].moved, 5000U);
  ASSERT_NE(transfers[0].data, first.data());
  EXPECT_TRUE(target_has(0, transfers[0].data, 5000));
}

TEST_F(MapPath, NoMemoryForTheMappingFailsTheTransferOnly) {
  sys.fail(Call::map, 1, ENOMEM);
  const auto buffer = make_buffer(4096);
  const IoSlot refused = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(refused.outcome, Outcome::host_failed);
  EXPECT_EQ(refused.error, ENOMEM);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
}

TEST_F(MapPath, AFailedReadLeavesNoMappingBehind) {
  sys.fail(Call::target_to_pipe, 1, EIO);
  const auto buffer = make_buffer(4096);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::failed);
  run(Op::fsync, 0, 0, buffer);
  EXPECT_EQ(sys.open_mappings(), 0U);
}

class DiscardPath : public EngineRig {};

TEST_F(DiscardPath, NoByteReachesUserMemory) {
  use(ReadPath::discard, true);
  const auto buffer = make_filled(kPipe, 5);
  const std::vector<std::byte> before(buffer.data(), buffer.data() + kPipe);
  ASSERT_EQ(run(Op::read, 0, kPipe, buffer).outcome, Outcome::done);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), buffer.data()));
  EXPECT_EQ(sys.calls(Call::pipe_to_memory) + sys.calls(Call::read) + sys.calls(Call::map), 0U);
}

TEST_F(DiscardPath, AnErrorOfTheSinkIsNoReasonToCopy) {
  use(ReadPath::discard);
  sys.fail(Call::pipe_to_sink, 1, EINVAL);
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_NE(transfer.outcome, Outcome::done);
  EXPECT_EQ(transfer.error, EINVAL);
  EXPECT_EQ(counters().read_path.load(), ReadPath::discard);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

}  // namespace
}  // namespace spliced::engine::test
