// SPDX-License-Identifier: Apache-2.0
// A client that writes bytes as they are, to say what no library would.
#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "http/listener.h"
#include "spliced/util/unique_fd.h"

namespace spliced::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "spliced-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Reply {
  int status = 0;  // 0: nothing that looks like an answer came
  std::string head, body;
  std::map<std::string, std::string> headers;  // names in lower case
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// A listener's `admit`.
inline access::Admission wants_the_right_token(const access::Credentials& shown) {
  if (shown.authorization == "Bearer right") return access::Principal{"token:right", access::Scope::destroy};
  return tl::unexpected(access::Denial{false, "another token is wanted"});
}

inline sockaddr_un unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  return name;
}

inline util::UniqueFd connect_to(const http::Address& address) {
  if (address.is_unix()) {
    util::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un to = unix_name(address.unix_path);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
    return fd;
  }
  util::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(address.port));
  ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return fd;
}

// As much of `text` as the peer takes.
inline void send_text(const util::UniqueFd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

// Everything until the peer closes.
inline std::string receive_all(const util::UniqueFd& fd) {
  std::string out;
  char chunk[16384];
  for (;;) {
    pollfd wait{fd.get(), POLLIN, 0};
    if (::poll(&wait, 1, 30'000) <= 0) return out;
    const ssize_t got = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (got <= 0) return out;
    out.append(chunk, static_cast<std::size_t>(got));
  }
}

// So many bytes, or less when the peer closes.
inline std::string receive_bytes(const util::UniqueFd& fd, std::size_t count) {
  std::string out;
  while (out.size() < count) {
    char byte = 0;
    pollfd wait{fd.get(), POLLIN, 0};
    if (::poll(&wait, 1, 30'000) <= 0 || ::recv(fd.get(), &byte, 1, 0) <= 0) break;
    out += byte;
  }
  return out;
}

// Whether the condition becomes true within some seconds.
template <class Condition>
bool await(Condition&& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

inline Reply parse_reply(const std::string& text) {
  Reply reply;
  const auto end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == text.npos) return reply;
  reply.status = std::atoi(text.c_str() + 9);
  reply.head = text.substr(0, end + 2);
  reply.body = text.substr(end + 4);
  for (std::size_t at = reply.head.find("\r\n") + 2; at < reply.head.size();) {
    const std::size_t stop = reply.head.find("\r\n", at);
    const std::size_t colon = reply.head.find(": ", at);
    std::string name = reply.head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    reply.headers[name] = reply.head.substr(colon + 2, stop - colon - 2);
    at = stop + 2;
  }
  return reply;
}

inline Reply exchange(const http::Address& address, const std::string& request) {
  const util::UniqueFd fd = connect_to(address);
  send_text(fd, request);
  return parse_reply(receive_all(fd));
}

inline std::string get_text(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}
inline std::string post_text(const std::string& path, const std::string& body, const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

}  // namespace spliced::test
