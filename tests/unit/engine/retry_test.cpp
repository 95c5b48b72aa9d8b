// SPDX-License-Identifier: Apache-2.0
#include "engine/retry.h"

#include <cerrno>
#include <deque>

#include "rig.h"

namespace spliced::engine::test {
namespace {

class RetryTest : public ::testing::Test {
 protected:
  // The results of the calls, in order: an errno as a negative number, or what was moved. The last one repeats.
  CallResult repeat(std::deque<int> results) {
    const Retry retry(sys, counters.retries, stop.get_token());
    return retry([&]() -> ssize_t {
      ++tries;
      const int result = results.front();
      if (results.size() > 1) results.pop_front();
      if (result >= 0) return result;
      if (-result == stop_at) stop.request_stop();
      errno = -result;
      return -1;
    });
  }
  [[nodiscard]] std::vector<std::uint64_t> waits() const {
    std::vector<std::uint64_t> milliseconds;
    for (const Record& record : sys.records(Call::wait)) milliseconds.push_back(record.length);
    return milliseconds;
  }
  FakeKernel sys{4096};
  SpliceCounters counters;
  std::stop_source stop;
  int tries = 0;
  int stop_at = 0;
};

TEST_F(RetryTest, ASuccessIsPassedOn) {
  const CallResult result = repeat({512});
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.value, 512);
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(tries, 1);
}

TEST_F(RetryTest, ZeroIsASuccess) {
  EXPECT_TRUE(repeat({0}).ok());
  EXPECT_EQ(tries, 1);
}

TEST_F(RetryTest, OtherErrorsAreFinalAtOnce) {
  for (const int error : {EIO, EINVAL, EPERM, ENOSPC, EFAULT, ENOMEM, EBADF, ENOSYS, EOPNOTSUPP}) {
    tries = 0;
    const CallResult result = repeat({-error, 512});
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.error, error);
    EXPECT_FALSE(result.stopped);
    EXPECT_EQ(tries, 1);
  }
  EXPECT_TRUE(waits().empty());
  for (const int error : kRetryErrors) EXPECT_EQ(retries(counters, error), 0U);
}

TEST_F(RetryTest, AnInterruptionIsRepeatedWithoutWaiting) {
  EXPECT_EQ(repeat({-EINTR, -EINTR, -EINTR, 7}).value, 7);
  EXPECT_EQ(tries, 4);
  EXPECT_EQ(retries(counters, EINTR), 3U);
  EXPECT_TRUE(waits().empty());
}

TEST_F(RetryTest, AnInterruptionAfterAStopEndsTheCall) {
  stop_at = EINTR;
  const CallResult result = repeat({-EINTR, 7});
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(tries, 1);
}

TEST_F(RetryTest, AStopDoesNotSpoilACallThatSucceeds) {
  stop.request_stop();
  const CallResult result = repeat({512});
  EXPECT_TRUE(result.ok());
  EXPECT_FALSE(result.stopped);
}

TEST_F(RetryTest, AnErrorThatIsNoInterruptionIsReportedEvenAfterAStop) {
  stop.request_stop();
  const CallResult result = repeat({-EIO});
  EXPECT_EQ(result.error, EIO);
  EXPECT_FALSE(result.stopped);
}

TEST_F(RetryTest, EveryRepetitionOfACallThatIsNotReadyIsAWait) {
  EXPECT_EQ(repeat({-EAGAIN, -EAGAIN, 7}).value, 7);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(retries(counters, EAGAIN), 2U);
  EXPECT_EQ(waits(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RetryTest, WaitsGrowToTheirMaximum) {
  repeat({-EAGAIN});
  const auto all = waits();
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kMaxAgainWaits));
  EXPECT_EQ(all.front(), 1U);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(all.back(), static_cast<std::uint64_t>(kMaxWaitMs));
}

TEST_F(RetryTest, EagainIsGivenUpAfterABoundedNumberOfWaits) {
  const CallResult result = repeat({-EAGAIN});
  EXPECT_EQ(result.error, EAGAIN);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(tries, kMaxAgainWaits + 1);
  EXPECT_EQ(retries(counters, EAGAIN), static_cast<std::uint64_t>(kMaxAgainWaits));
}

TEST_F(RetryTest, ADyingDiskIsAskedAFewTimesOnly) {
  const CallResult result = repeat({-ENODATA});
  EXPECT_EQ(result.error, ENODATA);
  EXPECT_EQ(tries, kMaxNoDataWaits + 1);
  EXPECT_EQ(retries(counters, ENODATA), static_cast<std::uint64_t>(kMaxNoDataWaits));
  EXPECT_EQ(waits().size(), static_cast<std::size_t>(kMaxNoDataWaits));
}

TEST_F(RetryTest, ErrorsThatTakeTurnsAreBoundedToo) {
  std::deque<int> results;
  for (int i = 0; i < 1000; ++i) results.insert(results.end(), {-EAGAIN, -ENODATA});
  EXPECT_FALSE(repeat(results).ok());
  EXPECT_LE(tries, kMaxAgainWaits + kMaxNoDataWaits + 1);
}

TEST_F(RetryTest, InterruptionsDoNotUseUpTheWaits) {
  std::deque<int> results(500, -EINTR);
  results.insert(results.end(), {-EAGAIN, -EINTR, 9});
  EXPECT_EQ(repeat(results).value, 9);
  EXPECT_EQ(retries(counters, EINTR), 501U);
}

TEST_F(RetryTest, AWaitingCallEndsWithAStop) {
  for (const int error : {EAGAIN, ENODATA}) {
    stop = std::stop_source();
    stop_at = error;
    tries = 0;
    const CallResult result = repeat({-error});
    EXPECT_TRUE(result.stopped);
    EXPECT_EQ(tries, 1);
  }
  EXPECT_TRUE(waits().empty());
}

// The signal that tells of the stop arrives once; it must not be lost in the wait while the next call blocks.
TEST_F(RetryTest, AStopDuringAWaitIsSeenBeforeTheCallIsRepeated) {
  sys.on(Call::wait, 1, {EINTR, 0, [this] { stop.request_stop(); }});
  const CallResult result = repeat({-EAGAIN, 7});
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(tries, 1);
}

class RetryInTheEngine : public EngineRig {
 protected:
  RetryInTheEngine() { use(ReadPath::copy); }
};

TEST_F(RetryInTheEngine, ATargetThatIsNeverReadyFailsAfterBoundedWaits) {
  const auto buffer = make_filled(4096, 1);
  for (const auto& [op, call] :
       {std::pair{Op::read, Call::target_to_pipe}, std::pair{Op::write, Call::pipe_to_target}}) {
    sys.forget_calls();
    sys.always(call, {EAGAIN});
    const IoSlot transfer = run(op, 0, 4096, buffer);
    EXPECT_EQ(transfer.outcome, Outcome::failed);
    EXPECT_EQ(transfer.error, EAGAIN);
    EXPECT_EQ(sys.calls(call), static_cast<std::size_t>(kMaxAgainWaits) + 1);
    EXPECT_EQ(sys.calls(Call::wait), static_cast<std::size_t>(kMaxAgainWaits));
  }
}

TEST_F(RetryInTheEngine, AMediumErrorThatComesAsEnodataFailsAfterAFewTries) {
  sys.always(Call::target_to_pipe, {ENODATA});
  const auto buffer = make_buffer(4096);
  const IoSlot transfer = run(Op::read, 0, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::failed);
  EXPECT_EQ(transfer.error, ENODATA);
  EXPECT_EQ(sys.calls(Call::target_to_pipe), static_cast<std::size_t>(kMaxNoDataWaits) + 1);
}

TEST_F(RetryInTheEngine, ATargetThatBecomesReadyIsNoError) {
  const auto buffer = make_buffer(4096);
  for (std::size_t call = 1; call <= 10; ++call) sys.fail(Call::target_to_pipe, call, EAGAIN);
  const IoSlot transfer = run(Op::read, 4096, 4096, buffer);
  EXPECT_EQ(transfer.outcome, Outcome::done);
  EXPECT_TRUE(target_has(4096, buffer.data(), 4096));
  EXPECT_EQ(retries(counters(), EAGAIN), 10U);
  EXPECT_EQ(counters().pipe_resets.get(), 0U);
}

TEST_F(RetryInTheEngine, EveryCallOfATransferHasItsOwnBound) {
  for (std::size_t call = 1; call <= 100; ++call) {
    if (call % 3 != 0) sys.fail(Call::target_to_pipe, call, ENODATA);
  }
  const auto buffer = make_buffer(16 * 65536);
  EXPECT_EQ(run(Op::read, 0, 16 * 65536, buffer).outcome, Outcome::done);
  EXPECT_EQ(retries(counters(), ENODATA), 32U);
}

}  // namespace
}  // namespace spliced::engine::test
