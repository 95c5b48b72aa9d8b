// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "spliced/store/job_store.h"

namespace spliced::job {

// Large figures of devices until the store has taken them. Thread-safe; nothing but commit() waits for the store, and
// no text is copied or given back under the lock.
class PendingFigures {
 public:
  // Beyond so much of what the store has not taken, newer figures are lost, and their job goes without them: what a
  // thousand devices have that end at once has room.
  static constexpr std::size_t kMostBytes = 256 << 20;
  static constexpr std::size_t kManyBytes = 8 << 20;

  enum class Noted : std::uint8_t {
    some,
    many,  // it is time that the store takes them
    lost,  // there was no room: what there was of that stage stays
  };
  [[nodiscard]] Noted note(store::StoredFigures figures);
  // What the store does not take waits for the next time. Whoever else commits is waited for.
  void commit(store::JobStore& store);
  void forget(const std::string& job);
  // Those of a stage of a device, if they wait.
  [[nodiscard]] std::optional<std::string> find(const std::string& job, std::size_t device, int stage);

 private:
  using Key = std::tuple<std::string, std::size_t, int>;
  using Body = std::shared_ptr<const std::string>;
  [[nodiscard]] bool commit_some(store::JobStore& store);
  std::mutex mutex_;  // guards the rest
  std::condition_variable committed_;
  bool committing_ = false;  // somebody is: what is older is not to come after what is newer
  std::map<Key, Body> bodies_;
  std::size_t bytes_ = 0;
};

}  // namespace spliced::job
