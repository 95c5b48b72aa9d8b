// A hardened HTTP/1.1 server on one address.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "message.h"
#include "router.h"
#include "spliced/util/log.h"

namespace spliced::http {

// "unix:/path", "127.0.0.1:8650", "[::1]:8650".
struct Address {
  std::string unix_path;  // "" for TCP
  std::string host;
  int port = 0;  // 0: any free port
  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] util::Result<Address> parse_address(std::string_view text);

struct ListenerConfig {
  Address address;
  std::string name;  // of its threads, at most 15 characters
  std::size_t threads = 8;
  std::size_t queue_limit = 256;  // accepted connections that wait for a thread
  std::string socket_group;       // of a Unix socket, mode 0660; "" leaves the group
  // Whether the value of an Authorization header opens the door; empty: no authentication. Thread-safe.
  std::function<bool(const std::string&)> authorize;
};

class Listener {
 public:
  // Binds at once and serves from a thread of its own. `router`, `observer` and `log` must outlive it.
  [[nodiscard]] static util::Result<std::unique_ptr<Listener>> open(const ListenerConfig& config, const Router& router,
                                                                    Observer& observer, util::Logger& log);
  virtual ~Listener() = default;
  [[nodiscard]] virtual bool running() const = 0;
  [[nodiscard]] virtual Address address() const = 0;  // with the real port
  // Ends every wait for a client, and returns when the last request was answered. Idempotent.
  virtual void stop() = 0;
};

}  // namespace spliced::http
