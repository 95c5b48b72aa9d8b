#pragma once
#include <optional>
#include <string>

#include "connection.h"
#include "message.h"

namespace spliced::http {

// Bounds of one request.
inline constexpr std::size_t kMaxRequestLine = 4096;              // bytes; above: 414
inline constexpr std::size_t kMaxHeadBytes = 32 * 1024;           // request line and header fields; above: 431
inline constexpr std::size_t kMaxHeaderFields = 100;              // above: 431
inline constexpr std::size_t kMaxBodyBytes = 1 << 20;             // above: 413
inline constexpr util::Nanos kRequestTime = 10 * util::kSecond;   // for a client to send its whole request; then 408
inline constexpr util::Nanos kResponseTime = 10 * util::kSecond;  // for a client to take the answer

struct Head {
  std::string bytes;       // head, and whatever of the body came with it
  std::string method;      // for the metrics
  std::size_t length = 0;  // of the head within `bytes`, the empty line included
};

// Reads a request up to its empty line and refuses what the HTTP library would let through without a bound: long heads,
// bodies without or beyond a length, compressed bodies, multipart, Range. Nothing came: an empty head and no refusal.
[[nodiscard]] std::optional<Response> read_head(Connection& connection, util::Nanos deadline, Head& head);

// The value of the first field of that name (in lower case), as it was sent; "" when there is none.
[[nodiscard]] std::string header_value(std::string_view head, std::string_view name);

// The checks alone, on a complete head.
[[nodiscard]] std::optional<Response> check_head(std::string_view head);

}  // namespace spliced::http
