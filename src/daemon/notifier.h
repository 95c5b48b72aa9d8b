// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <deque>
#include <string>
#include <string_view>

#include "spliced/util/unique_fd.h"

namespace spliced::daemon {

// systemd's notification protocol (sd_notify(3)), from one thread. sd_notify() itself waits for a receiver whose queue
// is full; this never does.
class Notifier {
 public:
  // To the address in $NOTIFY_SOCKET; without one everything is said to nobody.
  Notifier();

  // READY=1 and the like, which must arrive: kept, in order, until the receiver takes them.
  void state(std::string message);
  // STATUS=, WATCHDOG=1: left out when the receiver takes nothing now, since the next one comes soon.
  void tick(std::string_view message);

 private:
  static constexpr std::size_t kMaxWaiting = 16;  // beyond it the oldest goes: the newest state is what counts
  [[nodiscard]] bool send(std::string_view message);
  [[nodiscard]] bool send_waiting();

  util::UniqueFd socket_;
  sockaddr_un address_{};
  socklen_t length_ = 0;  // 0: nobody listens
  std::deque<std::string> waiting_;
};

}  // namespace spliced::daemon
