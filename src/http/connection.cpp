// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace spliced::http {
namespace {

constexpr std::size_t kWireBytes = 16 * 1024;  // taken at a time, so that what is left in plain_ is bounded
// What a client may say to TLS alone: a handshake has certificates in it; afterwards a record has up to 16 KiB (RFC
// 8446, 5.1) before there is anything of it, and changes of keys cost the server more than the client.
constexpr std::size_t kHandshakeBytes = 64 * 1024;
constexpr std::size_t kQuietBytes = 32 * 1024;
constexpr uid_t kNobody = static_cast<uid_t>(-1);  // no process has it
constexpr std::size_t kFewGroups = 32;

// Who connected, as the kernel kept it then: user, primary group and all others (unix(7), SO_PEERCRED, SO_PEERGROUPS).
std::optional<access::LocalPeer> local_peer(const util::UniqueFd& fd) {
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return std::nullopt;
  access::LocalPeer out{who.uid, who.pid, {}};
  out.groups.resize(kFewGroups);
  for (;;) {
    length = static_cast<socklen_t>(out.groups.size() * sizeof(gid_t));
    const int done = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERGROUPS, out.groups.data(), &length);
    const std::size_t count = length / sizeof(gid_t);
    if (done == 0 || errno != ERANGE || count <= out.groups.size()) {
      out.groups.resize(done == 0 ? count : 0);
      break;
    }
    out.groups.resize(count);
  }
  out.groups.push_back(who.gid);
  return out;
}

}  // namespace

Connection::Input Connection::receive_raw(char* data, std::size_t size, std::size_t& got) const {
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), data, size, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    got = n > 0 ? static_cast<std::size_t>(n) : 0;
    if (n > 0) return Input::some;
    if (n == 0) return Input::end;
    return errno == EAGAIN ? Input::nothing_yet : Input::broken;
  }
}

Connection::Input Connection::receive(char* data, std::size_t size, std::size_t& got) {
  if (!tls_) return receive_raw(data, size, got);
  got = 0;
  if (plain_.empty()) {  // once: what comes may be for TLS alone, again and again
    if (const Input input = decrypt(); input != Input::some) return input;
  }
  got = std::min(size, plain_.size());
  plain_.copy(data, got);
  plain_.erase(0, got);
  return Input::some;
}

// What has come to plain text, and what TLS has to say to that onto the wire.
Connection::Input Connection::decrypt() {
  if (tls_ended_) return Input::end;
  char cipher[kWireBytes];
  std::size_t got = 0;
  if (const Input input = receive_raw(cipher, sizeof cipher, got); input != Input::some) return input;
  std::string wire;
  const auto state = tls_->receive({cipher, got}, plain_, wire);
  append(std::move(wire));
  quiet_ = plain_.empty() ? quiet_ + got : 0;
  if (!flush() || quiet_ > (tls_->established() ? kQuietBytes : kHandshakeBytes)) return Input::broken;
  switch (state) {
    case TlsSession::State::open: return Input::some;
    case TlsSession::State::ended: tls_ended_ = true; return Input::some;
    case TlsSession::State::broken: return Input::broken;
    case TlsSession::State::no_tls: break;
  }
  tls_.reset();
  return Input::not_encrypted;
}

void Connection::send_later(std::string bytes) {
  if (!tls_) return append(std::move(bytes));
  std::string wire;
  tls_->send(bytes, wire);
  append(std::move(wire));
}

void Connection::append(std::string wire) {
  if (unsent() == 0) {
    out_ = std::move(wire);
  } else {
    out_.erase(0, sent_);
    out_ += wire;
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
  const auto local = local_peer(fd_);
  return local ? fmt::format("uid {}, pid {}", local->uid, local->pid) : "";
}

access::Credentials Connection::credentials() const {
  access::Credentials out;
  if (!tcp) {
    out.local = local_peer(fd_);
    if (!out.local) out.local.emplace(access::LocalPeer{kNobody, 0, {}});
  } else if (tls_) {
    out.certificate = tls_->has_certificate();
    out.certificate_names = tls_->certificate_names();
  }
  return out;
}

void Connection::finish_sending() {
  if (tls_) {
    std::string wire;
    tls_->finish(wire);
    append(std::move(wire));
    [[maybe_unused]] const bool sent = flush();  // a peer that takes no more does without
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace spliced::http
