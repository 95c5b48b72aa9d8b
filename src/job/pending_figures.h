// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "spliced/store/job_store.h"

namespace spliced::job {

// Large figures of devices until the store has taken them. Thread-safe; nothing but commit() waits for the store, and
// no text is copied or given back under the lock.
class PendingFigures {
 public:
  // Beyond so much of what the store has not taken, figures are lost, and their job goes without them.
  static constexpr std::size_t kMostBytes = 64 << 20;

  void note(store::StoredFigures figures);
  // On one thread at a time. What the store does not take waits for the next time.
  void commit(store::JobStore& store);
  void forget(const std::string& job);
  // Of a device, by stage: those that wait.
  [[nodiscard]] std::map<int, std::string> of(const std::string& job, std::size_t device);

 private:
  using Key = std::tuple<std::string, std::size_t, int>;
  using Body = std::shared_ptr<const std::string>;
  std::mutex mutex_;  // guards the rest
  std::map<Key, Body> bodies_;
  std::size_t bytes_ = 0;
};

}  // namespace spliced::job
