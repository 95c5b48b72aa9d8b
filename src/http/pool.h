// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::http {

// Threads for what may block, made when no idle one is left, up to a limit; idle ones stay. Thread-safe.
class BoundedPool {
 public:
  // `name` of the threads; `queue_limit`: tasks that wait for a thread when there are `threads` already.
  BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit);
  ~BoundedPool();  // waits for all tasks
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  // false: full, or shut down; `task` is left as it is, for the caller to destroy where it likes. Does not block.
  [[nodiscard]] bool enqueue(std::function<void()>&& task);
  // Takes no more tasks and waits for those that it has. false: some are not done within `limit`; the threads go on
  // with them, and the call may be repeated.
  [[nodiscard]] bool shutdown(util::Nanos limit);
  [[nodiscard]] std::size_t threads() const;

 private:
  void work();
  [[nodiscard]] bool grow();

  const std::string name_;
  const std::size_t most_threads_;
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable ended_;
  std::deque<std::function<void()>> queue_;
  std::size_t idle_ = 0;
  std::size_t running_ = 0;  // threads that have not ended
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace spliced::http
