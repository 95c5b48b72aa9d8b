// SPDX-License-Identifier: Apache-2.0
// A stand-in for systemd-logind on a private bus: hands out inhibitor locks and prints when one is taken and released.
// It claims org.freedesktop.login1 on the session bus of its environment. With the argument "silent" it never answers,
// with "refuse" it refuses.
#include <fcntl.h>
#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

// The read ends of the locks: the writer is the inhibitor's holder, and hangs up when it lets go.
std::vector<int> locks;

sdbus::UnixFd inhibit(const std::string& what, const std::string& who, const std::string& why,
                      const std::string& mode) {
  int fds[2] = {-1, -1};
  if (::pipe2(fds, O_CLOEXEC) != 0) throw sdbus::Error("org.freedesktop.DBus.Error.Failed", "pipe");
  locks.push_back(fds[0]);
  std::printf("taken %s %s %s: %s\n", what.c_str(), who.c_str(), mode.c_str(), why.c_str());
  sdbus::UnixFd holder(fds[1]);  // duplicates
  ::close(fds[1]);
  return holder;
}

// Those who are never answered.
std::vector<sdbus::Result<sdbus::UnixFd>> asking;

void stay_silent(sdbus::Result<sdbus::UnixFd>&& result, const std::string&, const std::string&, const std::string&,
                 const std::string&) {
  std::printf("asked\n");
  asking.push_back(std::move(result));
}

sdbus::UnixFd refuse(const std::string&, const std::string&, const std::string&, const std::string&) {
  std::printf("refused\n");
  throw sdbus::Error("org.freedesktop.DBus.Error.AccessDenied", "not today");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  auto connection = sdbus::createSessionBusConnection();
  auto object = sdbus::createObject(*connection, "/org/freedesktop/login1");
  constexpr const char* kManager = "org.freedesktop.login1.Manager";
  if (mode == "silent") {
    object->registerMethod("Inhibit").onInterface(kManager).implementedAs(&stay_silent);
  } else {
    object->registerMethod("Inhibit").onInterface(kManager).implementedAs(mode == "refuse" ? &refuse : &inhibit);
  }
  object->finishRegistration();
  connection->requestName("org.freedesktop.login1");
  std::printf("ready\n");
  for (;;) {
    while (connection->processPendingRequest()) {
    }
    const auto bus = connection->getEventLoopPollData();
    std::vector<pollfd> fds{{bus.fd, bus.events, 0}};
    for (const int lock : locks) fds.push_back({lock, 0, 0});
    ::poll(fds.data(), fds.size(), -1);
    for (std::size_t i = fds.size() - 1; i > 0; --i) {
      if ((fds[i].revents & POLLHUP) == 0) continue;
      std::printf("released\n");
      ::close(fds[i].fd);
      locks.erase(locks.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    }
  }
}
