// SPDX-License-Identifier: Apache-2.0
#include "say.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>

namespace spliced::daemon {

void say(int fd, std::string_view text) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(2);
  while (!text.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    pollfd writable{fd, POLLOUT, 0};
    const int ready = left.count() > 0 ? ::poll(&writable, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return;
    // A pipe that is ready takes this many bytes at once (pipe(7)).
    const ssize_t put = ::write(fd, text.data(), text.size() < PIPE_BUF ? text.size() : PIPE_BUF);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace spliced::daemon
