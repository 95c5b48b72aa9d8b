#include "connection.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>

namespace spliced::http {

Connection::Input Connection::receive(char* data, std::size_t size, std::size_t& got) {
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), data, size, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    got = n > 0 ? static_cast<std::size_t>(n) : 0;
    if (n > 0) return Input::some;
    if (n == 0) return Input::end;
    return errno == EAGAIN ? Input::nothing_yet : Input::broken;
  }
}

void Connection::send_later(std::string bytes) {
  if (unsent() == 0) {
    out_ = std::move(bytes);
  } else {
    out_.erase(0, sent_);
    out_ += bytes;
  }
  sent_ = 0;
}

bool Connection::flush() {
  while (unsent() > 0) {
    const ssize_t n = ::send(fd_.get(), out_.data() + sent_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  out_ = {};
  sent_ = 0;
  return true;
}

std::string Connection::peer() const {
  if (tcp) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd(), any, &length) != 0) return "";
    const int flags = NI_NUMERICHOST | NI_NUMERICSERV;
    if (::getnameinfo(any, length, host, sizeof host, port, sizeof port, flags) != 0) return "";
    return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  }
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return "";
  return fmt::format("uid {}, pid {}", who.uid, who.pid);
}

void Connection::finish_sending() {
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace spliced::http
