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
#include "rig.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine::test {
namespace {

// The kernel, with a target that blocks: a splice from it waits for a byte that never comes.
class BlockedTarget : public Syscalls {
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
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override {
    return kernel().vmsplice(fd, iov, count, flags);
  }
  ssize_t read(int fd, void* buffer, std::size_t length) override { return kernel().read(fd, buffer, length); }
  ssize_t write(int fd, const void* buffer, std::size_t length) override { return kernel().write(fd, buffer, length); }
  int pipe(int fds[2]) override { return kernel().pipe(fds); }
  int close(int fd) override { return kernel().close(fd); }
  int set_pipe_size(int fd, int bytes) override { return kernel().set_pipe_size(fd, bytes); }
  int get_pipe_size(int fd) override { return kernel().get_pipe_size(fd); }
  void* map_read_only(std::size_t length) override { return kernel().map_read_only(length); }
  int unmap(void* address, std::size_t length) override { return kernel().unmap(address, length); }
  int discard(int, std::uint64_t, std::uint64_t) override { return 0; }
  int punch_hole(int, std::uint64_t, std::uint64_t) override { return 0; }
  int fsync(int) override { return 0; }
  int fdatasync(int) override { return 0; }
  int sync_file_range(int, std::uint64_t, std::uint64_t) override { return 0; }
  int wait_ms(int milliseconds) override { return kernel().wait_ms(milliseconds); }

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
  Transfer transfer;
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
  std::vector<Transfer> transfers(16, make_transfer(GetParam(), 4096, 131072, buffer.data()));
  const std::uint64_t before = allocations();
  run_all(engine, transfers);
  EXPECT_EQ(allocations(), before);
  for (const Transfer& transfer : transfers) EXPECT_EQ(transfer.outcome, Outcome::done);
}

TEST(RunningEngineCounters, HaveCacheLinesOfTheirOwn) {
  EXPECT_GE(alignof(EngineCounters), 64U);
  EXPECT_EQ(sizeof(EngineCounters) % 64, 0U);
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
  std::vector<Transfer> transfers(64, make_transfer(Op::read, 0, 65536, buffer.data()));
  run_all(engine, transfers);
  ended.store(true);
  reader.join();
  EXPECT_LE(fallbacks(engine.counters()), 2U);
}

}  // namespace
}  // namespace spliced::engine::test
