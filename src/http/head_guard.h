// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "message.h"
#include "spliced/util/clock.h"

namespace spliced::http {

// Bounds of one request.
inline constexpr std::size_t kMaxRequestLine = 4096;              // bytes; above: 414
inline constexpr std::size_t kMaxHeadBytes = 32 * 1024;           // request line and header fields; above: 431
inline constexpr std::size_t kMaxHeaderFields = 100;              // above: 431
inline constexpr int kMaxEmptyLines = 4;                          // before the request line; above: 400
inline constexpr std::size_t kMaxBodyBytes = 1 << 20;             // above: 413
inline constexpr util::Nanos kRequestTime = 10 * util::kSecond;   // for a client to send its whole request; then 408
inline constexpr util::Nanos kResponseTime = 10 * util::kSecond;  // for a client to take the answer

// Gathers the bytes of one request and refuses what the HTTP library would let through without a bound: long heads,
// bodies without or beyond a length, compressed bodies, multipart, Range; and what two readers might understand
// differently: request lines, lengths and hosts that are not exactly one. Asks nothing of a socket.
class HeadGuard {
 public:
  // The next bytes that came. A refusal is the answer to the request; nothing may be added after it.
  [[nodiscard]] std::optional<Response> feed(std::string_view more);

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool has_head() const { return length_ > 0; }
  [[nodiscard]] bool is_whole() const { return has_head() && missing() == 0; }
  // Of the body, by its length; what comes after that belongs to no request.
  [[nodiscard]] std::size_t missing() const;
  // The empty line included.
  [[nodiscard]] std::string_view head() const { return std::string_view(bytes_).substr(0, length_); }
  // The target of the request as it was sent, without its query; "" before it has come.
  [[nodiscard]] std::string target() const;
  // A word for the metrics, however long the line.
  [[nodiscard]] std::string method() const;
  [[nodiscard]] bool expects_continue() const;
  // The body of a request that is whole. Leaves nothing behind.
  [[nodiscard]] std::string take_body();

 private:
  [[nodiscard]] std::string_view skip_empty_lines(std::string_view more);

  std::string bytes_;       // head, and what came of the body
  int skipped_ = 0;         // empty lines
  std::size_t length_ = 0;  // of the head; 0 before its end has come
  std::size_t body_ = 0;
};

// The value of the first field of that name (in lower case), as it was sent; "" when there is none.
[[nodiscard]] std::string header_value(std::string_view head, std::string_view name);

// Those of all fields of that name.
[[nodiscard]] std::vector<std::string> header_values(std::string_view head, std::string_view name);

// The checks alone, on a complete head.
[[nodiscard]] std::optional<Response> check_head(std::string_view head);

}  // namespace spliced::http
