// SPDX-License-Identifier: Apache-2.0
#include "engine/splice/fallback.h"

#include <cerrno>

#include "rig.h"

namespace spliced::engine::test {
namespace {

constexpr std::size_t kPipe = 65536;
constexpr std::array<int, 5> kRefusals{EBADF, EPERM, ENOSYS, EINVAL, EOPNOTSUPP};
constexpr std::array<int, 8> kOtherErrors{EIO, ENOSPC, ENOMEM, ENODATA, EAGAIN, EINTR, ENXIO, 0};

TEST(FallbackTable, MapIsLeftForCopyOnFaultsAndRefusals) {
  EXPECT_EQ(read_fallback(ReadPath::map, EFAULT), Fallback::map_to_copy);
  for (const int error : kRefusals) EXPECT_EQ(read_fallback(ReadPath::map, error), Fallback::map_to_copy);
  for (const int error : kOtherErrors) EXPECT_EQ(read_fallback(ReadPath::map, error), std::nullopt);
}

TEST(FallbackTable, CopyIsLeftForReadOnRefusalsOnly) {
  for (const int error : kRefusals) EXPECT_EQ(read_fallback(ReadPath::copy, error), Fallback::copy_to_read);
  for (const int error : kOtherErrors) EXPECT_EQ(read_fallback(ReadPath::copy, error), std::nullopt);
  EXPECT_EQ(read_fallback(ReadPath::copy, EFAULT), std::nullopt) << "the buffer is bad, another call would not help";
}

TEST(FallbackTable, ReadAndDiscardAreNeverLeft) {
  for (const int error : kFallbackErrors) {
    EXPECT_EQ(read_fallback(ReadPath::read, error), std::nullopt);
    EXPECT_EQ(read_fallback(ReadPath::discard, error), std::nullopt);
  }
}

TEST(FallbackTable, VmspliceIsLeftForWriteOnRefusalsOnly) {
  for (const int error : {EPERM, ENOSYS, EINVAL, EOPNOTSUPP}) {
    EXPECT_EQ(write_fallback(error), Fallback::vmsplice_to_write);
  }
  for (const int error : kOtherErrors) EXPECT_EQ(write_fallback(error), std::nullopt);
  EXPECT_EQ(write_fallback(EFAULT), std::nullopt);
}

TEST(FallbackTable, EveryErrorThatLeadsToADowngradeHasAColumnOfItsOwn) {
  for (int error = 1; error < 200; ++error) {
    SpliceCounters counters;
    for (const ReadPath path : {ReadPath::map, ReadPath::copy}) {
      const auto event = read_fallback(path, error);
      if (!event) continue;
      count_fallback(counters, *event, error);
      EXPECT_EQ(fallbacks(counters, *event, error), 1U) << error;
    }
  }
}

TEST(FallbackTable, AnErrorWithoutAColumnIsNotCounted) {
  SpliceCounters counters;
  count_fallback(counters, Fallback::map_to_copy, EIO);
  EXPECT_EQ(fallbacks(counters), 0U);
}

class Downgrade : public EngineRig {};

TEST_F(Downgrade, ExactlyOnePerEngineOnTodaysKernels) {
  const auto buffer = make_buffer(2 * kPipe);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const IoSlot transfer = run(Op::read, i * 4096, 2 * kPipe, buffer);
    ASSERT_EQ(transfer.outcome, Outcome::done);
    ASSERT_EQ(transfer.data, buffer.data());
    ASSERT_TRUE(target_has(i * 4096, transfer.data, 2 * kPipe));
  }
  EXPECT_EQ(fallbacks(counters()), 1U);
  EXPECT_EQ(fallbacks(counters(), Fallback::map_to_copy, EFAULT), 1U);
  EXPECT_EQ(counters().read_path.load(), ReadPath::copy);
  EXPECT_EQ(sys.calls(Call::map), 1U);
  EXPECT_EQ(sys.calls(Call::unmap), 1U);
  EXPECT_EQ(counters().pipe_resets.get(), 0U) << "a downgrade loses nothing and needs no new pipe";
}

TEST_F(Downgrade, EachEngineHasItsOwn) {
  const auto buffer = make_buffer(4096);
  for (int i = 0; i < 3; ++i) {
    run(Op::read, 0, 4096, buffer);
    EXPECT_EQ(fallbacks(counters()), 1U);
    engine_.reset();
  }
}

TEST_F(Downgrade, FromMapToCopyInTheMiddleKeepsTheBytes) {
  for (const std::size_t at : {2U, 3U, 5U}) {
    engine_.reset();
    sys.forget_calls();
    sys.map_works = true;
    for (std::size_t call = 1; call < at; ++call) sys.shorten(Call::pipe_to_memory, call, 30000);
    sys.fail(Call::pipe_to_memory, at, EFAULT);
    const auto buffer = make_buffer(3 * kPipe);
    const IoSlot transfer = run(Op::read, 512, 3 * kPipe, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::done);
    EXPECT_EQ(transfer.moved, 3 * kPipe);
    EXPECT_EQ(transfer.data, buffer.data());
    EXPECT_TRUE(target_has(512, buffer.data(), 3 * kPipe));
    EXPECT_EQ(fallbacks(counters()), 1U);
    EXPECT_EQ(sys.open_mappings(), 0U);
    EXPECT_EQ(counters().pipe_resets.get(), 0U);
  }
}

TEST_F(Downgrade, FromMapToCopyInALaterTransferOfARunKeepsTheEarlierOnes) {
  sys.map_works = true;
  sys.fail(Call::pipe_to_memory, 2, EFAULT);
  const auto first = make_buffer(8192);
  const auto second = make_buffer(8192);
  std::vector<IoSlot> transfers{make_transfer(Op::read, 0, 8192, first.data()),
                                make_transfer(Op::read, 32768, 8192, second.data())};
  run_all(engine(), transfers);
  EXPECT_EQ(transfers[0].data, first.data());
  EXPECT_TRUE(target_has(0, first.data(), 8192));
  EXPECT_EQ(transfers[1].data, second.data());
  EXPECT_TRUE(target_has(32768, second.data(), 8192));
}

TEST_F(Downgrade, ThroughAllPathsToReadIsTwoEvents) {
  for (const int error : kRefusals) {
    engine_.reset();
    sys.always(Call::pipe_to_memory, {error});
    const auto buffer = make_buffer(2 * kPipe);
    for (int i = 0; i < 3; ++i) {
      const IoSlot transfer = run(Op::read, 4096, 2 * kPipe, buffer);
      ASSERT_EQ(transfer.outcome, Outcome::done);
      ASSERT_TRUE(target_has(4096, transfer.data, 2 * kPipe));
    }
    EXPECT_EQ(fallbacks(counters(), Fallback::map_to_copy, error), 1U);
    EXPECT_EQ(fallbacks(counters(), Fallback::copy_to_read, error), 1U);
    EXPECT_EQ(fallbacks(counters()), 2U);
    EXPECT_EQ(counters().read_path.load(), ReadPath::read);
  }
}

TEST_F(Downgrade, FromCopyToReadInTheMiddleKeepsTheBytes) {
  use(ReadPath::copy);
  sys.shorten(Call::pipe_to_memory, 1, 5000);
  sys.fail(Call::pipe_to_memory, 2, ENOSYS);
  const auto buffer = make_buffer(kPipe);
  const IoSlot transfer = run(Op::read, 4096, kPipe, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_TRUE(target_has(4096, buffer.data(), kPipe));
  EXPECT_EQ(fallbacks(counters()), 1U);
  EXPECT_EQ(fallbacks(counters(), Fallback::copy_to_read, ENOSYS), 1U);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), 1U) << "what was in the pipe was read again";
}

TEST_F(Downgrade, NeverComesBack) {
  sys.fail(Call::pipe_to_memory, 1, EPERM);
  sys.fail(Call::pipe_to_memory, 2, EPERM);
  const auto buffer = make_buffer(4096);
  run(Op::read, 0, 4096, buffer);
  sys.forget_calls();
  for (int i = 0; i < 5; ++i) run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(sys.calls(Call::pipe_to_memory) + sys.calls(Call::map), 0U);
}

TEST_F(Downgrade, AMediumErrorIsNone) {
  sys.map_works = true;
  sys.fail(Call::pipe_to_memory, 1, EIO);
  const auto buffer = make_buffer(4096);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::failed);
  EXPECT_EQ(counters().read_path.load(), ReadPath::map);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_F(Downgrade, ABadBufferOfTheCopyPathIsNone) {
  use(ReadPath::copy);
  sys.fail(Call::pipe_to_memory, 1, EFAULT);
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::host_failed);
  EXPECT_EQ(transfer.error, EFAULT);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_F(Downgrade, DoesNotHappenOnceTheJobIsStopped) {
  sys.on(Call::pipe_to_memory, 1, stop_and_interrupt());
  const auto buffer = make_buffer(4096);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::stopped);
  EXPECT_EQ(fallbacks(counters()), 0U);
}

TEST_F(Downgrade, OfWritesToWriteIsCountedOnceByErrno) {
  for (const int error : {EPERM, ENOSYS, EINVAL, EOPNOTSUPP}) {
    engine_.reset();
    sys.forget_calls();
    sys.always(Call::memory_to_pipe, {error});
    const auto buffer = make_filled(3 * kPipe + 512, static_cast<std::uint64_t>(error));
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(run(Op::write, 512, 3 * kPipe + 512, buffer).outcome, Outcome::done);
      ASSERT_TRUE(target_has(512, buffer.data(), 3 * kPipe + 512));
      ASSERT_EQ(sys.calls(Call::memory_to_pipe), 1U) << "a refused call was tried again";
    }
    EXPECT_EQ(fallbacks(counters(), Fallback::vmsplice_to_write, error), 1U);
    EXPECT_EQ(fallbacks(counters()), 1U);
    EXPECT_EQ(counters().pipe_resets.get(), 0U);
  }
}

TEST_F(Downgrade, OfWritesInTheMiddleKeepsTheBytes) {
  sys.shorten(Call::memory_to_pipe, 1, 8192);
  sys.fail(Call::memory_to_pipe, 2, EPERM);
  const auto buffer = make_filled(2 * kPipe, 1);
  EXPECT_EQ(run(Op::write, 4096, 2 * kPipe, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(4096, buffer.data(), 2 * kPipe));
  EXPECT_EQ(fallbacks(counters()), 1U);
}

TEST_F(Downgrade, AWriteThatWasCutShortGoesOnWhereItEnded) {
  sys.always(Call::memory_to_pipe, {EPERM});
  sys.shorten(Call::write, 1, 100);
  sys.shorten(Call::write, 3, 8192);
  const auto buffer = make_filled(2 * kPipe, 2);
  EXPECT_EQ(run(Op::write, 0, 2 * kPipe, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(0, buffer.data(), 2 * kPipe));
}

// Pieces that do not fit into what is left of a page waste slots.
TEST_F(Downgrade, WritesInOddPiecesNeverOverfillThePipe) {
  sys.always(Call::memory_to_pipe, {EPERM});
  for (std::size_t call = 1; call < 10; ++call) sys.shorten(Call::write, call, 100 * call);
  const auto buffer = make_filled(2 * kPipe, 2);
  EXPECT_EQ(run(Op::write, 0, 2 * kPipe, buffer).outcome, Outcome::done);
  EXPECT_TRUE(target_has(0, buffer.data(), 2 * kPipe));
}

TEST_F(Downgrade, AnErrorOfWriteIsFinal) {
  sys.always(Call::memory_to_pipe, {EPERM});
  sys.fail(Call::write, 1, EPERM);
  const auto buffer = make_filled(4096, 3);
  const IoSlot transfer = run(Op::write, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::host_failed);
  EXPECT_EQ(transfer.error, EPERM);
  EXPECT_EQ(fallbacks(counters()), 1U);
}

TEST_F(Downgrade, ReadsAndWritesDowngradeApart) {
  use(ReadPath::copy);
  sys.fail(Call::memory_to_pipe, 1, EPERM);
  const auto buffer = make_filled(4096, 4);
  ASSERT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  ASSERT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_EQ(counters().read_path.load(), ReadPath::copy);
  EXPECT_EQ(fallbacks(counters()), 1U);
}

class PinnedPath : public EngineRig {};

TEST_F(PinnedPath, AMapThatFaultsIsRefusedAndNoFallback) {
  use(ReadPath::map, true);
  const auto buffer = make_buffer(4096);
  for (int i = 0; i < 3; ++i) {
    const IoSlot transfer = run(Op::read, 0, 4096, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::path_refused);
    EXPECT_EQ(transfer.error, EFAULT);
    EXPECT_EQ(transfer.data, nullptr);
  }
  EXPECT_EQ(fallbacks(counters()), 0U);
  EXPECT_EQ(counters().read_path.load(), ReadPath::map);
  EXPECT_EQ(counters().pipe_resets.get(), 3U);
  EXPECT_EQ(sys.calls(Call::read), 0U);
}

TEST_F(PinnedPath, ACopyThatIsRefusedIsRefusedAndNoFallback) {
  use(ReadPath::copy, true);
  for (const int error : kRefusals) {
    sys.always(Call::pipe_to_memory, {error});
    const auto buffer = make_buffer(4096);
    const IoSlot transfer = run(Op::read, 0, 4096, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::path_refused);
    EXPECT_EQ(transfer.error, error);
  }
  EXPECT_EQ(fallbacks(counters()), 0U);
  EXPECT_EQ(sys.calls(Call::read), 0U);
}

TEST_F(PinnedPath, AMediumErrorIsAnOrdinaryFailure) {
  use(ReadPath::copy, true);
  sys.fail(Call::pipe_to_memory, 1, EIO);
  const auto buffer = make_buffer(4096);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::failed);
}

// `discard` and `read` can be pinned as well as the other two.
TEST_F(PinnedPath, ADiscardThatIsRefusedIsRefused) {
  use(ReadPath::discard, true);
  sys.fail(Call::pipe_to_sink, 1, EINVAL);
  const auto buffer = make_buffer(4096);
  EXPECT_EQ(run(Op::read, 0, 4096, buffer).outcome, Outcome::path_refused);
}

TEST_F(PinnedPath, WritesStillFallBack) {
  use(ReadPath::copy, true);
  sys.always(Call::memory_to_pipe, {EPERM});
  const auto buffer = make_filled(4096, 1);
  EXPECT_EQ(run(Op::write, 0, 4096, buffer).outcome, Outcome::done);
  EXPECT_EQ(fallbacks(counters()), 1U);
}

}  // namespace
}  // namespace spliced::engine::test
