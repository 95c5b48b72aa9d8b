// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "spliced/util/clock.h"

namespace spliced::run {

// Lets all workers of a job begin at the same instant, or none of them.
class StartBarrier {
 public:
  explicit StartBarrier(util::Clock& clock) : clock_(clock) {}

  // Called by each worker: waits for let_go() or abort(). The instant of the start, 0 after an abort.
  [[nodiscard]] util::Nanos wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return gone_; });
    return start_;
  }
  // Called by whoever started the workers: waits until `workers` of them are at the barrier.
  void await(std::size_t workers) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ == workers; });
  }
  // The same, and sets the instant. Once. What must be known before the first operation is decided between this and
  // let_go(); and who holds a lock that others want gives it back, for each worker that is woken may take the CPU at
  // once.
  util::Nanos set(std::size_t workers) {
    await(workers);
    const std::lock_guard lock(mutex_);
    return decide(clock_.now());
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }
  void abort() {
    const std::lock_guard lock(mutex_);
    decide(0);
    gone_ = true;
    changed_.notify_all();
  }

 private:
  util::Nanos decide(util::Nanos start) {
    if (!decided_) start_ = start;
    decided_ = true;
    return start_;
  }

  util::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
  bool decided_ = false;
  bool gone_ = false;
  util::Nanos start_ = 0;
};

}  // namespace spliced::run
