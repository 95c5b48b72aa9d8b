// SPDX-License-Identifier: Apache-2.0
#include "notifier.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace spliced::daemon {

Notifier::Notifier() {
  const char* where = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = where == nullptr ? "" : where;
  // A path, or @ for the NUL of an abstract name.
  if (path.size() < 2 || (path[0] != '/' && path[0] != '@') || path.size() >= sizeof address_.sun_path) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, path.data(), path.size());
  if (path[0] == '@') address_.sun_path[0] = '\0';
  length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '/' ? 1 : 0));
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// false: there is no room now.
bool Notifier::send(std::string_view message) {
  if (length_ == 0) return true;
  for (;;) {
    const auto* to = reinterpret_cast<const sockaddr*>(&address_);
    if (::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL, to, length_) >= 0) return true;
    if (errno != EINTR) return errno != EAGAIN && errno != ENOBUFS;
  }
}

bool Notifier::send_waiting() {
  while (!waiting_.empty() && send(waiting_.front())) waiting_.pop_front();
  return waiting_.empty();
}

void Notifier::state(std::string message) {
  waiting_.push_back(std::move(message));
  if (waiting_.size() > kMaxWaiting) waiting_.pop_front();
  (void)send_waiting();
}

void Notifier::tick(std::string_view message) {
  if (send_waiting()) (void)send(message);
}

}  // namespace spliced::daemon
