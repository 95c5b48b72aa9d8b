// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "spliced/util/clock.h"

namespace spliced::dbus {

// Threads for what may wait for a disk, so that the bus does not. Thread-safe.
class Errands {
 public:
  static constexpr std::size_t kThreads = 4;
  static constexpr std::size_t kQueue = 16;  // errands that wait for a thread

  Errands() = default;
  ~Errands() = default;  // joins, however long that takes
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  // false: too many are waiting, the system has no thread for it, or it was stopped. `errand` must not throw.
  [[nodiscard]] bool post(std::function<void()> errand);
  // Drops those that wait, and waits for those that are under way. false: they take longer than `limit`.
  [[nodiscard]] bool stop(util::Nanos limit);

 private:
  void work(const std::stop_token& stop);
  void grow();

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t busy_ = 0;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;  // started when they are needed; last: they use all of the above
};

}  // namespace spliced::dbus
