#include "connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace spliced::http {
namespace {

constexpr util::Nanos kLinger = util::kSecond / 2;
constexpr std::size_t kLingerBytes = 4 << 20;

}  // namespace

bool Connection::wait_for(short events, util::Nanos deadline) const {
  for (;;) {
    const util::Nanos left = deadline - util::system_clock().now();
    if (left <= 0) return false;
    pollfd fds[2] = {{fd_.get(), events, 0}, {stop_fd_, POLLIN, 0}};
    const int ready = ::poll(fds, 2, static_cast<int>(std::min<util::Nanos>(left / 1'000'000 + 1, 60'000)));
    if (ready < 0 && errno != EINTR) return false;
    if (fds[1].revents != 0) return false;
    if (fds[0].revents != 0) return true;
  }
}

long Connection::read(char* data, std::size_t size, util::Nanos deadline) {
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), data, size, MSG_DONTWAIT);
    if (got >= 0) return got;
    if (errno != EAGAIN && errno != EINTR) return -1;
    if (!wait_for(POLLIN, deadline)) return -1;
  }
}

bool Connection::write(const char* data, std::size_t size, util::Nanos deadline) {
  while (size > 0) {
    const ssize_t put = ::send(fd_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) {
      data += put;
      size -= static_cast<std::size_t>(put);
      continue;
    }
    if (put < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (!wait_for(POLLOUT, deadline)) return false;
  }
  return true;
}

void Connection::linger() {
  ::shutdown(fd_.get(), SHUT_WR);
  const util::Nanos deadline = util::system_clock().now() + kLinger;
  char scratch[16384];
  for (std::size_t total = 0; total < kLingerBytes;) {
    const long got = read(scratch, sizeof scratch, deadline);
    if (got <= 0) return;
    total += static_cast<std::size_t>(got);
  }
}

}  // namespace spliced::http
