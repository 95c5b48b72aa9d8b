// SPDX-License-Identifier: Apache-2.0
#include "inherited.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cerrno>

namespace spliced::daemon {

util::Result<InheritedSockets> InheritedSockets::adopt() {
  InheritedSockets out;
  const int count = ::sd_listen_fds(1);
  if (count < 0) return util::fail_errno("sockets of systemd", -count);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    util::UniqueFd socket(fd);
    auto address = ::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0
                       ? http::address_of(socket)
                       : util::fail(util::Errc::invalid, "it is no stream socket that listens");
    if (!address) {
      return tl::unexpected(util::with_context(
          address.error(), fmt::format("socket {} of systemd (ListenStream= of spliced.socket)", fd)));
    }
    out.sockets_.emplace_back(std::move(*address), std::move(socket));
  }
  return out;
}

util::UniqueFd InheritedSockets::claim(const http::Address& address) {
  for (auto it = sockets_.begin(); it != sockets_.end(); ++it) {
    if (it->first.text() != address.text()) continue;
    util::UniqueFd socket = std::move(it->second);
    sockets_.erase(it);
    return socket;
  }
  return {};
}

std::vector<std::pair<http::Address, util::UniqueFd>> InheritedSockets::claim_unix() {
  std::vector<std::pair<http::Address, util::UniqueFd>> out, left;
  for (auto& socket : sockets_) (socket.first.is_unix() ? out : left).push_back(std::move(socket));
  sockets_ = std::move(left);
  return out;
}

std::string InheritedSockets::unclaimed() const {
  std::string out;
  for (const auto& socket : sockets_) out += (out.empty() ? "" : ", ") + socket.first.text();
  return out;
}

}  // namespace spliced::daemon
