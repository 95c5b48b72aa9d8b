// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/threads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

#include "spliced/util/unique_fd.h"

namespace spliced::util {
namespace {

bool has_descriptor(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(LeaveDescriptorTable, WhatAThreadOpensAndClosesIsItsOwn) {
  const UniqueFd ours(::eventfd(0, EFD_CLOEXEC));
  for (const OwnTable how : {OwnTable::copy, OwnTable::empty}) {
    bool left = false;
    bool saw_ours = false;
    bool kept_errors = false;
    std::atomic<int> theirs{-1};
    std::atomic<bool> seen{false};
    std::jthread thread([&] {
      left = leave_descriptor_table(how);
      saw_ours = has_descriptor(ours.get());
      int fds[2];
      EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
      const int high = ::fcntl(fds[0], F_DUPFD_CLOEXEC, 900);
      theirs = high;
      while (!seen) std::this_thread::yield();
      if (!left) return;
      close_own_descriptors();
      kept_errors = has_descriptor(STDERR_FILENO);
      EXPECT_FALSE(has_descriptor(high));
    });
    while (theirs < 0) std::this_thread::yield();
    const bool visible = has_descriptor(theirs);
    seen = true;
    thread.join();
    EXPECT_TRUE(has_descriptor(ours.get())) << "what it closed stays open here";
    if (!left) GTEST_SKIP() << "threads share their descriptors here";
    EXPECT_EQ(saw_ours, how == OwnTable::copy);
    EXPECT_FALSE(visible) << "what it opened is not open here";
    EXPECT_TRUE(kept_errors);
  }
}

std::string name_after(std::string_view name) {
  std::string out;
  std::jthread([&] {
    name_this_thread(name);
    std::array<char, 16> buffer{};
    ::pthread_getname_np(::pthread_self(), buffer.data(), buffer.size());
    out = buffer.data();
  }).join();
  return out;
}

bool blocks(int signal) {
  sigset_t mask;
  ::sigemptyset(&mask);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

TEST(NameThisThread, NamesIt) {
  EXPECT_EQ(name_after("w"), "w");
  EXPECT_EQ(name_after("worker sdb 12"), "worker sdb 12");
}

TEST(NameThisThread, CutsTo15Characters) {
  EXPECT_EQ(name_after("exactly fifteen"), "exactly fifteen");
  EXPECT_EQ(name_after("exactly sixteen!"), "exactly sixteen");
  EXPECT_EQ(name_after(std::string(1'000, 'x')), std::string(15, 'x'));
}

TEST(NameThisThread, TakesAViewThatIsNotTerminated) {
  EXPECT_EQ(name_after(std::string_view("abcdef", 3)), "abc");
}

TEST(BlockAllSignals, CoversTheThreadsThatStartLater) {
  bool here = false;
  bool child = false;
  std::jthread([&] {
    block_all_signals();
    here = blocks(SIGTERM) && blocks(SIGINT) && blocks(SIGHUP) && blocks(SIGPIPE) && blocks(wake_signal());
    std::jthread([&] { child = blocks(SIGTERM) && blocks(SIGINT) && blocks(wake_signal()); }).join();
  }).join();
  EXPECT_TRUE(here);
  EXPECT_TRUE(child);
  EXPECT_FALSE(blocks(SIGTERM)) << "the thread that did not ask is untouched";
}

TEST(AcceptWakeSignal, UnblocksThatOneOnly) {
  bool wake = true;
  bool term = false;
  std::jthread([&] {
    block_all_signals();
    accept_wake_signal();
    wake = blocks(wake_signal());
    term = blocks(SIGTERM);
  }).join();
  EXPECT_FALSE(wake);
  EXPECT_TRUE(term);
}

// Real-time signals queue up for a thread that cannot take them; of a standard signal one is pending at most.
TEST(WakeSignal, IsAStandardSignal) {
  EXPECT_GT(wake_signal(), 0);
  EXPECT_LT(wake_signal(), SIGRTMIN);
}

TEST(InstallWakeHandler, LeavesOutRestart) {
  install_wake_handler();
  struct sigaction action {};
  ASSERT_EQ(::sigaction(wake_signal(), nullptr, &action), 0);
  EXPECT_NE(action.sa_handler, SIG_DFL);
  EXPECT_NE(action.sa_handler, SIG_IGN);
  EXPECT_EQ(action.sa_flags & SA_RESTART, 0);
}

// A thread that reads from an eventfd on which nothing ever arrives, so that only a signal ends the call.
class BlockedReader {
 public:
  explicit BlockedReader(bool accept) : fd_(::eventfd(0, EFD_CLOEXEC)), thread_([this, accept] { run(accept); }) {}

  void await_block() const {
    while (!asleep()) std::this_thread::yield();
  }
  [[nodiscard]] bool ended() const { return ended_.load(); }
  void wake() { wake_thread(thread_.native_handle()); }
  // Only when it sleeps: signals that come faster than they are handled would keep it from ever reaching its call.
  void wake_until_ended() {
    while (!ended()) {
      if (asleep()) wake();
      std::this_thread::yield();
    }
  }
  // Gives the reader what it waits for.
  void feed() {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(fd_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }
  int join() {
    thread_.join();
    return error_;
  }

 private:
  // As the kernel says: the state follows the name, which is in parentheses.
  [[nodiscard]] bool asleep() const {
    const pid_t tid = tid_.load();
    if (tid == 0) return false;
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(") ");
    return name_end != std::string::npos && line[name_end + 2] == 'S';
  }

  void run(bool accept) {
    block_all_signals();
    if (accept) accept_wake_signal();
    tid_ = ::gettid();
    std::uint64_t value = 0;
    error_ = ::read(fd_.get(), &value, sizeof value) < 0 ? errno : 0;
    ended_ = true;
  }

  UniqueFd fd_;
  int error_ = -1;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> ended_{false};
  std::jthread thread_;
};

TEST(WakeThread, InterruptsABlockedRead) {
  install_wake_handler();
  BlockedReader reader(true);
  reader.await_block();
  reader.wake_until_ended();
  EXPECT_EQ(reader.join(), EINTR);
}

TEST(WakeThread, DoesNotReachAThreadThatDoesNotAccept) {
  install_wake_handler();
  BlockedReader reader(false);
  reader.await_block();
  for (int i = 0; i < 100; ++i) {
    reader.wake();
    std::this_thread::yield();
  }
  EXPECT_FALSE(reader.ended());
  reader.feed();
  EXPECT_EQ(reader.join(), 0);
}

TEST(WakeThread, ReachesThatThreadOnly) {
  install_wake_handler();
  BlockedReader woken(true);
  BlockedReader other(true);
  woken.await_block();
  other.await_block();
  woken.wake_until_ended();
  EXPECT_EQ(woken.join(), EINTR);
  EXPECT_FALSE(other.ended());
  other.feed();
  EXPECT_EQ(other.join(), 0);
}

}  // namespace
}  // namespace spliced::util
