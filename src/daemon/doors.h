// SPDX-License-Identifier: Apache-2.0
// Who may come in at the daemon's doors, and what TCP connections are encrypted with.
#pragma once
#include <memory>
#include <mutex>

#include "config.h"
#include "http/listener.h"
#include "secrets.h"
#include "spliced/access/doorkeeper.h"

namespace spliced::daemon {

inline constexpr const char* kGroup = "spliced";  // whose members may do everything

// Thread-safe; what it gives to listeners refers to it.
class Doors {
 public:
  // Takes over what the configuration says, and reads the files that it names: all or nothing. Groups are looked up
  // the first time alone, as who knows them may be a server that does not answer.
  [[nodiscard]] util::Status apply(const Config& config);

  [[nodiscard]] http::ListenerConfig control(const http::Address& address);
  [[nodiscard]] http::ListenerConfig metrics(const http::Address& address);
  [[nodiscard]] std::optional<results::SigningKey> results_key() const;
  [[nodiscard]] access::Admission admit(const access::LocalPeer& peer) const { return control_.admit(peer); }

 private:
  using Context = std::shared_ptr<const http::TlsContext>;
  [[nodiscard]] Context context(Context Secrets::*which) const;

  access::Doorkeeper control_;
  access::Doorkeeper metrics_;
  mutable std::mutex mutex_;  // guards what follows
  std::optional<access::LocalRules> local_;
  bool insecure_ = false;        // as the daemon was started
  bool scrapers_asked_ = false;  // for a certificate
  Secrets secrets_;
};

}  // namespace spliced::daemon
