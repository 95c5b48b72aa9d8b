// SPDX-License-Identifier: Apache-2.0
// What an engine must not do while it runs: allocate, share a cache line, or block where no signal can end it.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "allocations.h"
#include "forwarding_syscalls.h"
#include "rig.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine::test {
namespace {

// The kernel, with a target that blocks: a splice from it waits for a byte that never comes.
class BlockedTarget : public ForwardingSyscalls {
 public:
  BlockedTarget() { EXPECT_EQ(::pipe2(never_, O_CLOEXEC), 0); }
  ~BlockedTarget() override {
    ::close(never_[0]);
    ::close(never_[1]);
  }
  ssize_t splice(int, off64_t*, int, off64_t*, std::size_t) override {
    char byte = 0;
    is_blocked.store(true);
    return ::read(never_[0], &byte, 1);
  }
  std::atomic<bool> is_blocked{false};

 private:
  int never_[2] = {-1, -1};
};

class RunningEngine : public ::testing::TestWithParam<Op> {};
INSTANTIATE_TEST_SUITE_P(Ops, RunningEngine, ::testing::Values(Op::read, Op::write),
                         [](const auto& op) { return std::string(util::op_name(op.param)); });

TEST_P(RunningEngine, ASignalAndTheStopTokenEndABlockedCall) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);  // without SA_RESTART
  BlockedTarget sys;
  std::stop_source stop;
  std::atomic<bool> ended{false};
  IoSlot transfer;
  std::thread worker([&] {
    CountingClock clock;
    SpliceEngine engine(SpliceConfig{}, sys, clock, stop.get_token());
    const auto buffer = make_buffer(4096);
    transfer = make_transfer(GetParam(), 0, 4096, buffer.data());
    run_all(engine, {&transfer, 1});
    EXPECT_GE(retries(engine.counters(), EINTR), 1U);
    EXPECT_EQ(engine.counters().pipe_resets.get(), 1U);
    ended.store(true);
  });
  while (!sys.is_blocked.load()) std::this_thread::yield();
  stop.request_stop();
  while (!ended.load()) {
    ::pthread_kill(worker.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  worker.join();
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(transfer.outcome, Outcome::stopped);
  EXPECT_EQ(transfer.error, 0);
}

TEST_P(RunningEngine, AllocatesNothing) {
  const util::UniqueFd file(::memfd_create("spliced-test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  SpliceConfig config;
  config.fd = file.get();
  CountingClock clock;
  SpliceEngine engine(config, kernel(), clock, std::stop_token());
  const auto buffer = make_buffer(131072);
  std::vector<IoSlot> transfers(16, make_transfer(GetParam(), 4096, 131072, buffer.data()));
  std::vector<IoSlot*> all, ended(16);
  for (IoSlot& transfer : transfers) all.push_back(&transfer);
  const std::uint64_t before = allocations();
  EXPECT_EQ(engine.submit(all), 16U);
  EXPECT_EQ(engine.reap(ended, 16, 0), 16U);
  EXPECT_EQ(allocations(), before);
  for (const IoSlot& transfer : transfers) EXPECT_EQ(transfer.outcome, Outcome::done);
}

TEST(RunningEngineCounters, HaveCacheLinesOfTheirOwn) {
  EXPECT_GE(alignof(SpliceCounters), 64U);
  EXPECT_EQ(sizeof(SpliceCounters) % 64, 0U);
}

TEST(RunningEngineCounters, CanBeReadWhileTheEngineRuns) {
  const util::UniqueFd file(::memfd_create("spliced-test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  SpliceConfig config;
  config.fd = file.get();
  CountingClock clock;
  SpliceEngine engine(config, kernel(), clock, std::stop_token());
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!ended.load()) {
      const std::uint64_t now = fallbacks(engine.counters());
      EXPECT_GE(now, last);
      last = now;
      (void)engine.counters().read_path.load();
    }
  });
  const auto buffer = make_buffer(65536);
  std::vector<IoSlot> transfers(64, make_transfer(Op::read, 0, 65536, buffer.data()));
  run_all(engine, transfers);
  ended.store(true);
  reader.join();
  EXPECT_LE(fallbacks(engine.counters()), 2U);
}

}  // namespace
}  // namespace spliced::engine::test
