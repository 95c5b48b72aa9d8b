// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace spliced::http {

// Whether a Host field has the form that RFC 9110, 7.2 gives it: a name or address, with or without a port; "" is one.
[[nodiscard]] bool is_host(std::string_view value);
// The host in it, in lower case, without port and brackets: "::1" of "[::1]:8650".
[[nodiscard]] std::string host_of(std::string_view value);

// A page of another site whose name leads to a loopback address for the moment (DNS rebinding) could send requests from
// the browser of whoever sits here; they carry the name. True: the name is one of this machine's own, "localhost" or an
// address that is a loopback address or `listening`.
[[nodiscard]] bool is_own_name(std::string_view host, std::string_view listening);

// The path and query of a request target in absolute form (RFC 9112, 3.2.2), and the host that it names; any other
// target as it is, with no host.
struct Target {
  std::string_view host;
  std::string_view path;
  bool absolute = false;
};
[[nodiscard]] Target split_target(std::string_view target);

}  // namespace spliced::http
