// SPDX-License-Identifier: Apache-2.0
// Threads for whatever may wait for a device: a disk that does not answer keeps its own thread, and nothing else.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::device {

// One thread with a descriptor table of its own (close_range(2), CLOSE_RANGE_UNSHARE), with the standard streams
// alone at first: what it opens is seen by it and by the threads that it starts, and by no other. So a thread that the
// kernel holds keeps no socket and no lock of the daemon, and no close of somebody else's file is left to it. A
// descriptor that was opened here must be closed here. Under ThreadSanitizer, which takes a number for one descriptor
// in all threads, the table is shared.
class DeviceThread {
 public:
  DeviceThread();
  ~DeviceThread();  // ends after what was posted, and joins
  DeviceThread(const DeviceThread&) = delete;
  DeviceThread& operator=(const DeviceThread&) = delete;

  // Runs `task` after those that were posted before. Thread-safe; does not block. A task must not throw.
  void post(std::function<void()> task);
  // Whether it is the calling thread.
  [[nodiscard]] bool here() const { return std::this_thread::get_id() == thread_.get_id(); }
  // Since when a task has been running; 0: none is.
  [[nodiscard]] util::Nanos busy_since() const { return busy_since_.load(std::memory_order_relaxed); }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::atomic<util::Nanos> busy_since_{0};
  std::thread thread_;  // last: it uses all of the above
};

// A thread that is lent out; it goes back when the last holder lets go, after what was posted to it. Holders must not
// outlive the pool.
using DeviceThreadPtr = std::shared_ptr<DeviceThread>;

// The pool of them. Thread-safe.
class DeviceThreads {
 public:
  static constexpr std::size_t kMaxIdle = 32;       // that are kept for the next look
  static constexpr std::size_t kMaxThreads = 8192;  // more than devices may run and be looked at

  ~DeviceThreads();  // joins all: see wait_until_free()

  // A thread, named as `what` it is for (a path or a device's name). Throws std::system_error when there is none to be
  // had.
  [[nodiscard]] DeviceThreadPtr lend(const std::string& what);

  // What has kept a thread for longer than `time`.
  struct Held {
    std::string what;
    util::Nanos since = 0;
  };
  [[nodiscard]] std::vector<Held> held_for(util::Nanos time) const;
  // Whether every thread comes back within `limit`. If not, the process must end without joining them.
  [[nodiscard]] bool wait_until_free(util::Nanos limit);

 private:
  void reclaim(DeviceThread* thread);
  void retire(DeviceThread* thread);

  mutable std::mutex mutex_;
  std::condition_variable came_back_;
  std::vector<std::pair<std::unique_ptr<DeviceThread>, std::string>> lent_;
  std::vector<std::unique_ptr<DeviceThread>> idle_;
};

// What a device thread is asked for. The one that asks waits for the answer or gives up; an answer that nobody waits
// for any more is destroyed on the device's thread.
template <class T>
class Answer {
 public:
  // Posts `question` to `thread`.
  Answer(DeviceThread& thread, std::function<T()> question) : state_(std::make_shared<State>()) {
    thread.post([state = state_, question = std::move(question)]() mutable {
      std::optional<T> value(question());
      question = nullptr;  // with all that it holds, before anybody learns of the answer
      const std::lock_guard lock(state->mutex);
      state->value = std::move(value);
      state->answered.notify_all();
    });
  }
  // The answer; none if it has not come by `until`. May be called again; an answer is given once.
  [[nodiscard]] std::optional<T> wait(util::Nanos until) {
    std::unique_lock lock(state_->mutex);
    const auto left = std::chrono::nanoseconds(std::max<util::Nanos>(0, until - util::system_clock().now()));
    state_->answered.wait_for(lock, left, [&] { return state_->value.has_value(); });
    return std::exchange(state_->value, std::nullopt);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<T> value;
  };
  std::shared_ptr<State> state_;
};

// A T that is made and destroyed on a device's thread, and used there alone.
template <class T>
[[nodiscard]] std::shared_ptr<T> keep_on(const DeviceThreadPtr& thread, T value) {
  return std::shared_ptr<T>(new T(std::move(value)),
                            [thread](T* object) { thread->post([object, thread] { delete object; }); });
}

}  // namespace spliced::device
