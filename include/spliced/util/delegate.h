// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "spliced/util/clock.h"

namespace spliced::util {

// A thread for calls that may hang, one after the other: whoever needs one waits for so long and no longer.
// Thread-safe.
class Delegate {
 public:
  explicit Delegate(std::string name);  // of the thread, at most 15 characters
  // Waits for the call that is under way, however long that takes.
  ~Delegate();
  Delegate(const Delegate&) = delete;
  Delegate& operator=(const Delegate&) = delete;

  // Whether `task` ended within `limit`. One that has not begun by then never does. One that has may outlive this call,
  // so it owns what it uses; when it ends, `late` is called, on the thread. Neither may throw.
  [[nodiscard]] bool run(std::function<void()> task, Nanos limit, std::function<void()> late = {});
  // Whether none is under way, within `limit`.
  [[nodiscard]] bool wait_until_idle(Nanos limit) const;
  void stop();  // what the destructor does; idempotent

 private:
  struct Errand {
    std::function<void()> task, late;
    bool ended = false, given_up = false;
  };
  void serve(const std::stop_token& stop);

  const std::string name_;
  mutable std::mutex mutex_;  // guards the rest, and what errands tell
  mutable std::condition_variable_any changed_;
  std::deque<std::shared_ptr<Errand>> waiting_;
  bool busy_ = false;
  std::jthread thread_;
};

}  // namespace spliced::util
