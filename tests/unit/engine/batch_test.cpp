// SPDX-License-Identifier: Apache-2.0
// Transfers that share a filling of the pipe: what they cost, and that whatever happens in whatever position, each
// keeps to its own offset and has its own outcome.
#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kCount = 8;

class Batch : public EngineRig {
 protected:
  Batch() {
    for (Setting& setting : config.settings) setting = {65536, 16};
    use(ReadPath::copy);
  }

  // Blocks that are neighbours in memory and far apart on the target.
  std::vector<IoSlot> row(Op op, std::size_t count = kCount, std::size_t block = kBlock) {
    buffer = make_filled(count * block, 7);
    std::vector<IoSlot> transfers;
    for (std::size_t i = 0; i < count; ++i) {
      transfers.push_back(make_transfer(op, offset_of(i), block, buffer.data() + i * block));
    }
    return transfers;
  }
  static std::uint64_t offset_of(std::size_t index) { return (index * 37 % 100) * 8192; }

  void expect_done(const IoSlot& transfer) {
    EXPECT_EQ(transfer.outcome, Outcome::done);
    EXPECT_EQ(transfer.moved, transfer.length);
    EXPECT_TRUE(target_has(transfer.offset, transfer.buffer, transfer.length)) << "offset " << transfer.offset;
  }
  // All but the one at `index` are done; the target has nothing but what writes put there.
  void expect_all_done_but(const std::vector<IoSlot>& transfers, std::size_t index) {
    for (std::size_t i = 0; i < transfers.size(); ++i) {
      SCOPED_TRACE("transfer " + std::to_string(i));
      if (i != index) expect_done(transfers[i]);
    }
    expect_nothing_else(transfers);
  }
  void expect_nothing_else(const std::vector<IoSlot>& transfers) {
    std::vector<std::byte> expected = original;
    for (const IoSlot& transfer : transfers) {
      if (transfer.op != Op::write) continue;
      std::memcpy(expected.data() + transfer.offset, transfer.buffer, transfer.moved);
    }
    EXPECT_TRUE(expected == sys.target);
  }
  static Call device_call(Op op) { return op == Op::read ? Call::target_to_pipe : Call::pipe_to_target; }

  PageBuffer buffer;
  std::vector<std::byte> original = sys.target;
};

TEST_F(Batch, WritesGoInTogetherAndOutEachToItsOffset) {
  auto transfers = row(Op::write);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), kCount);
}

TEST_F(Batch, ReadsComeEachFromItsOffsetAndOutTogether) {
  auto transfers = row(Op::read);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), kCount);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 1U);
}

TEST_F(Batch, DiscardedReadsLeaveTogether) {
  use(ReadPath::discard);
  auto transfers = row(Op::read);
  run(transfers);
  for (const IoSlot& transfer : transfers) {
    EXPECT_EQ(transfer.outcome, Outcome::done);
    EXPECT_EQ(transfer.data, nullptr);
  }
  EXPECT_EQ(sys.calls(Call::pipe_to_sink), 1U);
}

TEST_F(Batch, NoMoreGoesInThanThereAreSlots) {
  for (const Op op : {Op::write, Op::read}) {
    config.settings = {Setting{65536, 64}, Setting{65536, 64}};
    engine_.reset();
    sys.forget_calls();
    auto transfers = row(op, 20);
    run(transfers);
    expect_all_done_but(transfers, 20);
    EXPECT_EQ(sys.calls(op == Op::write ? Call::memory_to_pipe : Call::pipe_to_memory), 2U);
    original = sys.target;
  }
}

TEST_F(Batch, SmallBlocksThatAreNeighboursShareSlots) {
  config.settings[1] = {16384, 64};
  auto transfers = row(Op::write, 32, 512);
  run(transfers);
  expect_all_done_but(transfers, 32);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 1U) << "32 blocks of 512 bytes are 4 pages";
}

TEST_F(Batch, BlocksThatShareOneBufferTakeASlotEach) {
  config.settings[1] = {16384, 64};
  auto transfers = row(Op::write, 8);
  for (IoSlot& transfer : transfers) transfer.buffer = buffer.data();
  run(transfers);
  expect_all_done_but(transfers, 8);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 2U);
}

TEST_F(Batch, IsNoLargerThanTheSetting) {
  config.settings[1].batch = 3;
  auto transfers = row(Op::write);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 3U);
}

TEST_F(Batch, ATuningTakesEffectWithTheNextRun) {
  auto transfers = row(Op::write);
  run(transfers);
  engine().use(Direction::write, {262144, 2});
  sys.forget_calls();
  run(transfers);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), kCount / 2);
  EXPECT_EQ(counters().pipe_size_bytes[1].get(), 262144U);
  engine().use(Direction::write, {8192, 16});
  sys.forget_calls();
  run(transfers);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), kCount / 2) << "two slots";
  EXPECT_EQ(counters().pipe_size_bytes[1].get(), 8192U);
  EXPECT_EQ(sys.calls(Call::pipe), 0U) << "the pipe that is there is resized";
}

TEST_F(Batch, DirectionsTakeTurns) {
  auto transfers = row(Op::write);
  for (const std::size_t i : {2U, 3U, 6U}) transfers[i].op = Op::read;
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 3U);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 2U);
}

TEST_F(Batch, TheFirstReadLeavesTheMapPathAloneAndTheOthersGoTogether) {
  use(ReadPath::map);
  auto transfers = row(Op::read);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(fallbacks(counters(), Fallback::map_to_copy, EFAULT), 1U);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory), 3U) << "one that faulted, one of the first, one of the rest";
}

TEST_F(Batch, TheClockIsReadLessThanTwiceATransfer) {
  for (const Op op : {Op::write, Op::read}) {
    auto transfers = row(op);
    const util::Nanos before = clock.now();
    run(transfers);
    EXPECT_EQ(clock.now() - before - 1, static_cast<util::Nanos>(kCount) + 2);
    util::Nanos sum = 0;
    for (const IoSlot& transfer : transfers) sum += transfer.spent;
    EXPECT_EQ(sum, transfers.back().ended - before - 1);
  }
}

TEST_F(Batch, ASingleTransferReadsTheClockTwice) {
  for (const Op op : {Op::write, Op::read, Op::fsync}) {
    auto transfers = row(op, 1, 131072);
    const util::Nanos before = clock.now();
    run(transfers);
    EXPECT_EQ(clock.now() - before - 1, 2);
    EXPECT_EQ(transfers[0].spent, 1);
  }
}

TEST_F(Batch, ABlockThatFitsIntoAPipeIsOneWriteOfTheDevice) {
  config.settings[1] = {65536, 16};
  auto transfers = row(Op::write, 8, 12'288);
  run(transfers);
  expect_all_done_but(transfers, 8);
  EXPECT_EQ(sys.calls(Call::pipe_to_target), 8U);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 2U) << "five in 16 slots, not five and a third";
}

TEST_F(Batch, NothingBeginsWhenTheTimeIsUp) {
  for (const Op op : {Op::write, Op::read}) {
    auto transfers = row(op);
    sys.forget_calls();
    EXPECT_EQ(run_some(engine(), transfers, clock.now()), 1U);
    EXPECT_EQ(transfers[0].outcome, Outcome::stopped);
    EXPECT_EQ(sys.calls(device_call(op)), 0U);
  }
}

TEST_F(Batch, ABlockThatHasBegunIsFinishedWhenTheTimeIsUp) {
  config.settings = {Setting{16384, 2}, Setting{16384, 2}};
  for (const Op op : {Op::write, Op::read}) {
    auto transfers = row(op, 2, 65536);
    EXPECT_EQ(run_some(engine(), transfers, clock.now() + 2), 2U);
    EXPECT_EQ(transfers[0].outcome, Outcome::done);
    EXPECT_EQ(transfers[1].outcome, Outcome::stopped);
    EXPECT_EQ(transfers[1].moved, 0U);
  }
}

TEST_F(Batch, AnEndThatFindsThePipeEmptyKeepsIt) {
  for (const Op op : {Op::write, Op::read}) {
    auto transfers = row(op);
    EXPECT_EQ(run_some(engine(), transfers, clock.now()), 1U);
  }
  clock.step = util::kSecond;
  auto transfers = row(Op::read);
  EXPECT_LT(run_some(engine(), transfers, clock.now() + 4 * util::kSecond), kCount);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
}

TEST_F(Batch, NoSyncAndNoTrimBeginsWhenTheTimeIsUpOrAfterAStop) {
  for (const Op op : {Op::fsync, Op::trim}) {
    IoSlot transfer = make_transfer(op, 0, 4096, nullptr);
    EXPECT_EQ(run_some(engine(), {&transfer, 1}, clock.now()), 1U);
    EXPECT_EQ(transfer.outcome, Outcome::stopped);
    EXPECT_EQ(transfer.moved, 0U);
  }
  stop.request_stop();
  IoSlot transfer = make_transfer(Op::fdatasync, 0, 0, nullptr);
  EXPECT_EQ(run_some(engine(), {&transfer, 1}, 0), 1U);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_TRUE(sys.records().empty());
}

class InEveryPosition : public Batch, public ::testing::WithParamInterface<std::tuple<Op, std::size_t>> {
 protected:
  Op op() const { return std::get<0>(GetParam()); }
  std::size_t position() const { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(OfABatch, InEveryPosition,
                         ::testing::Combine(::testing::Values(Op::read, Op::write),
                                            ::testing::Range(std::size_t{0}, kCount)),
                         [](const auto& param) {
                           return std::string(util::op_name(std::get<0>(param.param))) + "_" +
                                  std::to_string(std::get<1>(param.param));
                         });

TEST_P(InEveryPosition, AnErrorIsThatOfItsTransferAlone) {
  sys.fail(device_call(op()), position() + 1, EIO);
  auto transfers = row(op());
  run(transfers);
  EXPECT_EQ(transfers[position()].outcome, Outcome::failed);
  EXPECT_EQ(transfers[position()].error, EIO);
  EXPECT_EQ(transfers[position()].moved, 0U);
  expect_all_done_but(transfers, position());
}

TEST_P(InEveryPosition, NothingIsDoneAfterAnErrorBeforeTheCallerAsksForIt) {
  sys.fail(device_call(op()), position() + 1, EIO);
  auto transfers = row(op());
  EXPECT_EQ(run_some(engine(), transfers, 0), position() + 1);
  EXPECT_EQ(sys.calls(device_call(op())), position() + 1);
  EXPECT_EQ(sys.bytes_in_pipes(), 0U);
  for (std::size_t i = 0; i < position(); ++i) expect_done(transfers[i]);
  for (IoSlot& transfer : std::span(transfers).subspan(position())) transfer.moved = 0;
  expect_nothing_else(transfers);
}

TEST_P(InEveryPosition, TheDeadlineIsSeenAfterALongCall) {
  clock.step = util::kSecond;
  auto transfers = row(op());
  // The clock is read when the run begins, then once for every read, or for the filling and once for every write.
  const auto calls = static_cast<util::Nanos>(position() + (op() == Op::write ? 2 : 1));
  const std::size_t ended = run_some(engine(), transfers, clock.now() + util::kSecond + calls * util::kSecond);
  for (std::size_t i = 0; i < ended; ++i) {
    EXPECT_EQ(transfers[i].outcome, i <= position() ? Outcome::done : Outcome::stopped) << i;
  }
  EXPECT_EQ(ended, std::min(position() + 2, kCount));
  EXPECT_EQ(sys.calls(device_call(op())), position() + 1);
  for (IoSlot& transfer : std::span(transfers).subspan(position() + 1)) transfer.moved = 0;
  expect_nothing_else(transfers);
}

TEST_P(InEveryPosition, AShortSpliceGoesOnWhereItEnded) {
  sys.shorten(device_call(op()), position() + 1, 512);
  auto transfers = row(op());
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(short_transfers(counters(), util::op_class(op())), 1U);
}

TEST_P(InEveryPosition, ASignalIsOnlyARetry) {
  sys.fail(device_call(op()), position() + 1, EINTR);
  auto transfers = row(op());
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(retries(counters(), EINTR), 1U);
}

TEST_P(InEveryPosition, AStopLeavesThoseBeforeItDoneAndTheOthersUntouched) {
  sys.on(device_call(op()), position() + 1, stop_and_interrupt());
  auto transfers = row(op());
  run(transfers);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i < position()) {
      expect_done(transfers[i]);
      continue;
    }
    EXPECT_EQ(transfers[i].outcome, Outcome::stopped);
    EXPECT_EQ(transfers[i].moved, 0U);
    EXPECT_EQ(transfers[i].data, nullptr);
  }
  expect_nothing_else(transfers);
}

TEST_P(InEveryPosition, AStopIsSeenAfterALongCallWithoutASignal) {
  clock.step = util::kSecond;
  sys.on(device_call(op()), position() + 1, {0, kBlock, [this] { stop.request_stop(); }});
  auto transfers = row(op());
  run(transfers);
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(transfers[i].outcome, i <= position() ? Outcome::done : Outcome::stopped) << i;
  }
  EXPECT_EQ(sys.calls(device_call(op())), position() + 1);
  expect_nothing_else(transfers);
}

TEST_P(InEveryPosition, TheEndOfTheTargetIsThatOfItsTransferAlone) {
  sys.shorten(device_call(op()), position() + 1, 0);
  auto transfers = row(op());
  if (op() == Op::read) transfers[position()].offset = sys.target.size();
  if (op() == Op::write) transfers[position()].offset = sys.target.size();
  run(transfers);
  EXPECT_EQ(transfers[position()].outcome, Outcome::end_of_target);
  EXPECT_EQ(transfers[position()].moved, 0U);
  transfers[position()].offset = 0;
  expect_all_done_but(transfers, position());
}

// The bytes of those behind it went with the pipe: they are read, or put in, once more.
TEST_F(Batch, AnErrorOfDrainingIsThatOfTheFirstAndTheOthersAreReadAgain) {
  sys.fail(Call::pipe_to_memory, 1, ENOMEM);
  auto transfers = row(Op::read);
  run(transfers);
  EXPECT_EQ(transfers[0].outcome, Outcome::host_failed);
  EXPECT_EQ(transfers[0].error, ENOMEM);
  expect_all_done_but(transfers, 0);
  EXPECT_EQ(counters().pipe_resets.get(), 1U);
}

TEST_F(Batch, AnErrorInTheMiddleOfDrainingIsThatOfItsTransfer) {
  sys.shorten(Call::pipe_to_memory, 1, 2 * kBlock + 100);
  sys.fail(Call::pipe_to_memory, 2, EIO);
  auto transfers = row(Op::read);
  run(transfers);
  EXPECT_EQ(transfers[2].outcome, Outcome::failed);
  expect_all_done_but(transfers, 2);
}

TEST_F(Batch, ADowngradeInTheMiddleOfDrainingGoesOnWithWhatIsThere) {
  sys.shorten(Call::pipe_to_memory, 1, 2 * kBlock + 100);
  sys.fail(Call::pipe_to_memory, 2, EPERM);
  auto transfers = row(Op::read);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), kCount) << "nothing was read twice";
  EXPECT_EQ(fallbacks(counters(), Fallback::copy_to_read, EPERM), 1U);
}

TEST_F(Batch, WritesFallBackTogether) {
  sys.always(Call::memory_to_pipe, {EPERM});
  auto transfers = row(Op::write);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(fallbacks(counters(), Fallback::vmsplice_to_write, EPERM), 1U);
}

TEST_F(Batch, AShortVmspliceSplitsTheBatch) {
  sys.shorten(Call::memory_to_pipe, 1, 3 * kBlock);
  auto transfers = row(Op::write);
  run(transfers);
  expect_all_done_but(transfers, kCount);
  EXPECT_EQ(sys.calls(Call::memory_to_pipe), 2U);
}

TEST_F(Batch, ASlowErrorIsNotChargedToItsNeighbours) {
  sys.on(Call::target_to_pipe, 4, {EIO, 0, [this] { clock.step = 1000; }});
  sys.on(Call::target_to_pipe, 5, {0, kBlock, [this] { clock.step = 1; }});
  auto transfers = row(Op::read);
  run(transfers);
  EXPECT_GE(transfers[3].spent, 1000);
  EXPECT_LT(transfers[6].spent, 10);
}

}  // namespace
}  // namespace spliced::engine::test
