// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "spliced/util/clock.h"
#include "spliced/util/log.h"
#include "state_dir.h"

namespace spliced::daemon {

// Looks once a second whether the state directory is still what it was at the start, on a thread of its own, since a
// disk that does not answer holds whoever looks. Says in the log when that changes.
class StateWatch {
 public:
  StateWatch(const StateDir& directory, util::Logger& log);

  // "" while all is well. Does not block.
  [[nodiscard]] std::string trouble() const;

 private:
  void run(const std::stop_token& stop);
  void look();

  const StateDir& directory_;
  util::Logger& log_;
  std::atomic<util::Nanos> last_look_;
  mutable std::mutex mutex_;
  std::condition_variable_any never_;
  std::string trouble_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace spliced::daemon
