// SPDX-License-Identifier: Apache-2.0
// A hardened HTTP/1.1 server on one address.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "head_guard.h"
#include "message.h"
#include "router.h"
#include "spliced/access/doorkeeper.h"
#include "spliced/util/log.h"
#include "spliced/util/unique_fd.h"
#include "tls.h"

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
// Where a socket is bound to. Error: a kind that is none of these, or a Unix socket without a path.
[[nodiscard]] util::Result<Address> address_of(const util::UniqueFd& socket);

// What all clients of a listener may hold together.
struct ListenerLimits {
  std::size_t connections = 1024;        // beyond: the oldest whose request is not there yet makes room; else 503
  std::size_t partial_bytes = 64 << 20;  // of requests that are not there wholly; beyond: the largest gets 503
  std::size_t unsent_bytes = 256 << 20;  // of answers; beyond: 503
  util::Nanos request_time = kRequestTime;
  util::Nanos response_time = kResponseTime;  // for a whole answer; of a streamed one, for each piece
};

struct ListenerConfig {
  Address address;
  std::string name;               // of its threads, at most 12 characters
  std::size_t threads = 8;        // made as they are needed
  std::size_t queue_limit = 256;  // whole requests that wait for a thread; beyond: 503
  std::string socket_group;       // of a Unix socket, mode 0660; "" leaves the group
  bool socket_for_all = false;    // mode 0666: `admit` decides
  // Who may come in. Empty: everybody may do everything. Thread-safe, does not block.
  std::function<access::Admission(const access::Credentials&)> admit = {};
  // What a connection is to be encrypted with, asked for each; empty: it is not. Thread-safe, does not block.
  std::function<std::shared_ptr<const TlsContext>()> tls = {};
  ListenerLimits limits = {};
};

class Listener {
 public:
  // Binds at once and serves from a thread of its own. `router`, `observer` and `log` must outlive it. `inherited`: a
  // socket that listens on the address already; its file is left alone at the end, and who waits to be accepted then
  // waits for the successor.
  [[nodiscard]] static util::Result<std::unique_ptr<Listener>> open(const ListenerConfig& config, const Router& router,
                                                                    Observer& observer, util::Logger& log,
                                                                    util::UniqueFd inherited = {});
  virtual ~Listener() = default;  // waits for handlers, however long they take
  [[nodiscard]] virtual bool running() const = 0;
  [[nodiscard]] virtual Address address() const = 0;  // with the real port
  // Takes no more connections and lets go of all clients but those whose request is being handled or answered. Removes
  // the socket. Does not block. Idempotent.
  virtual void begin_stop() = 0;
  // The same, and waits until the last request was answered. false: a handler was not done within `limit`; its client
  // is let go, but its thread goes on, and whoever may not wait for it ends the process without destroying the
  // listener. Idempotent.
  [[nodiscard]] virtual bool stop(util::Nanos limit) = 0;
};

}  // namespace spliced::http
