// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "spliced/engine/syscalls.h"
#include "spliced/util/clock.h"
#include "unit/engine/forwarding_syscalls.h"
#include "unit/store/memory_store.h"

namespace spliced::testing {

inline constexpr auto kPatience = std::chrono::seconds(20);  // for what takes milliseconds unless it is broken
inline constexpr util::Nanos kPatienceNanos = 20 * util::kSecond;

// Whether `condition` becomes true within kPatience.
template <class Condition>
[[nodiscard]] bool await(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// Time stands still until the test moves it. A sleeper looks up now and then, as one does that a signal has woken.
class FakeClock final : public util::Clock {
 public:
  util::Nanos now() override { return now_; }
  void sleep_until(util::Nanos when) override {
    std::unique_lock lock(mutex_);
    moved_.wait_for(lock, std::chrono::milliseconds(1), [&] { return now_ >= when; });
  }
  void advance(util::Nanos by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    moved_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  std::atomic<util::Nanos> now_{1000 * util::kSecond};
};

// Holds up whoever passes, until it is opened.
class Valve {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    opened_.wait(lock, [&] { return open_; });
    --waiting_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  [[nodiscard]] int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  int waiting_ = 0;
};

// The kernel, but for what the test says. Set the hooks before the job.
class FakeSyscalls final : public engine::test::ForwardingSyscalls {
 public:
  // An errno to fail with, or 0 to let the kernel do it.
  using Hook = std::function<int(ino_t target, std::uint64_t offset)>;
  Hook on_read;
  Hook on_write;
  std::function<int()> on_sync;
  std::function<void(std::span<const iovec>)> on_vmsplice;
  std::atomic<int> vmsplice_error{0};
  std::atomic<int> waits{0};

  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override {
    if (off_in != nullptr && refuses(on_read, in, *off_in)) return -1;
    if (off_out != nullptr && refuses(on_write, out, *off_out)) return -1;
    return next_.splice(in, off_in, out, off_out, length);
  }
  ssize_t vmsplice(int fd, const iovec* iov, std::size_t count, unsigned flags) override {
    if (on_vmsplice) on_vmsplice({iov, count});
    if (vmsplice_error != 0) return static_cast<ssize_t>(failed(vmsplice_error));
    return next_.vmsplice(fd, iov, count, flags);
  }
  ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) override {
    return refuses(on_read, fd, static_cast<off64_t>(offset)) ? -1 : next_.pread(fd, buffer, length, offset);
  }
  ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) override {
    return refuses(on_write, fd, static_cast<off64_t>(offset)) ? -1 : next_.pwrite(fd, buffer, length, offset);
  }
  int fsync(int) override { return on_sync ? failed(on_sync()) : 0; }
  int fdatasync(int) override { return on_sync ? failed(on_sync()) : 0; }
  int sync_file_range(int, std::uint64_t, std::uint64_t) override { return on_sync ? failed(on_sync()) : 0; }
  int wait_ms(int) override {
    ++waits;
    return 0;
  }

 private:
  static int failed(int error) {
    if (error == 0) return 0;
    errno = error;
    return -1;
  }
  static bool refuses(const Hook& hook, int fd, off64_t offset) {
    struct stat st {};
    if (!hook || ::fstat(fd, &st) != 0) return false;
    return failed(hook(st.st_ino, static_cast<std::uint64_t>(offset))) != 0;
  }
};

}  // namespace spliced::testing
