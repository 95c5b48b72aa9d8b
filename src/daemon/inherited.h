// SPDX-License-Identifier: Apache-2.0
// Sockets that systemd has opened before it started the daemon (sd_listen_fds(3)).
#pragma once
#include <vector>

#include "http/listener.h"
#include "spliced/util/unique_fd.h"

namespace spliced::daemon {

class InheritedSockets {
 public:
  // Takes them over; to be called once, before there are threads. Error: one that is no stream socket which listens.
  [[nodiscard]] static util::Result<InheritedSockets> adopt();

  // The one that listens on this address, which is the caller's from now on; invalid if there is none.
  [[nodiscard]] util::UniqueFd claim(const http::Address& address);
  // The Unix sockets that nobody claimed: where they lie is the socket unit's affair.
  [[nodiscard]] std::vector<std::pair<http::Address, util::UniqueFd>> claim_unix();
  // Those that nobody claimed, "127.0.0.1:9650, [::1]:1"; "" for none.
  [[nodiscard]] std::string unclaimed() const;

 private:
  std::vector<std::pair<http::Address, util::UniqueFd>> sockets_;
};

}  // namespace spliced::daemon
