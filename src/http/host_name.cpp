// SPDX-License-Identifier: Apache-2.0
#include "host_name.h"

#include <arpa/inet.h>

#include <algorithm>

#include "spliced/util/text.h"

namespace spliced::http {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// unreserved / pct-encoded / sub-delims of RFC 3986, 3.2.2.
bool may_be_in_name(char c) {
  constexpr std::string_view others = "-._~%!$&'()*+;=";
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.find(c) != others.npos;
}

bool may_be_in_brackets(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

// Where the port begins, with its colon, or the end.
std::size_t end_of_host(std::string_view value) {
  if (!value.starts_with('[')) return std::min(value.find(':'), value.size());
  const auto close = value.find(']');
  return close == value.npos ? value.size() : close + 1;
}

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

bool is_host(std::string_view value) {
  const auto end = end_of_host(value);
  const std::string_view host = value.substr(0, end);
  std::string_view port = value.substr(end);
  if (!port.empty() && port.front() != ':') return false;
  if (!port.empty()) port.remove_prefix(1);
  int number = 0;
  for (const char c : port.substr(0, 6)) number = is_digit(c) ? number * 10 + (c - '0') : 65536;
  if (port.size() > 5 || number > 65535) return false;
  if (!host.starts_with('[')) return std::all_of(host.begin(), host.end(), may_be_in_name);
  const auto inside = host.substr(1, host.size() - 2);
  return host.size() > 2 && host.ends_with(']') && std::all_of(inside.begin(), inside.end(), may_be_in_brackets);
}

std::string host_of(std::string_view value) {
  std::string host(value.substr(0, end_of_host(value)));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return util::lower_case(host);
}

bool is_own_name(std::string_view host, std::string_view listening) {
  const std::string name = host_of(host);
  return name == "localhost" || name == "localhost." || name == host_of(listening) || is_loopback(name);
}

Target split_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (util::lower_case(target.substr(0, scheme.size())) != scheme) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    const std::string_view path = target.substr(end);
    return {target.substr(0, end), path.empty() ? "/" : path, true};
  }
  return {"", target, false};
}

}  // namespace spliced::http
