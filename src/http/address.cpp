// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "listener.h"

namespace spliced::http {

using util::Errc;
using util::fail;

bool Address::is_loopback() const {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "::1";
}

std::string Address::text() const {
  if (is_unix()) return "unix:" + unix_path;
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

util::Result<Address> address_of(const util::UniqueFd& socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return util::fail_errno("address of a socket", errno);
  }
  Address out;
  char host[INET6_ADDRSTRLEN] = "";
  if (bound.ss_family == AF_UNIX) {
    const auto& unix_address = reinterpret_cast<const sockaddr_un&>(bound);
    const std::size_t start = offsetof(sockaddr_un, sun_path);
    if (size > start) out.unix_path.assign(unix_address.sun_path, ::strnlen(unix_address.sun_path, size - start));
    if (out.is_unix()) return out;
  } else if (bound.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
    out.port = ntohs(v4.sin_port);
    ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
  } else if (bound.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
    out.port = ntohs(v6.sin6_port);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
  }
  out.host = host;
  if (out.host.empty()) return fail(Errc::invalid, "the socket is bound to no address and no path");
  return out;
}

util::Result<Address> parse_address(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path[0] != '/') {
      return fail(Errc::invalid, fmt::format("\"{}\": the path of a Unix socket must be absolute", text));
    }
    if (address.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return fail(Errc::invalid, fmt::format("\"{}\": the path of a Unix socket has at most {} bytes", text,
                                             sizeof(sockaddr_un::sun_path) - 1));
    }
    return address;
  }
  const auto colon = text.rfind(':');
  const std::string_view port = colon == text.npos ? "" : text.substr(colon + 1);
  address.host = text.substr(0, colon == text.npos ? 0 : colon);
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  in6_addr scratch{};
  const bool numeric = ::inet_pton(AF_INET, address.host.c_str(), &scratch) == 1 ||
                       ::inet_pton(AF_INET6, address.host.c_str(), &scratch) == 1;
  if (port.empty() || error != std::errc() || stop != port.data() + port.size() || address.port < 0 ||
      address.port > 65535 || !numeric) {
    return fail(Errc::invalid,
                fmt::format("\"{}\" is not an address; write unix:/path, 127.0.0.1:8650 or [::1]:8650", text));
  }
  return address;
}

}  // namespace spliced::http
