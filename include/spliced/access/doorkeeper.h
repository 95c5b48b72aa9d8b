// SPDX-License-Identifier: Apache-2.0
// Tells who somebody is by what they show.
#pragma once
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "spliced/access/principal.h"
#include "spliced/access/token_list.h"

namespace spliced::access {

// The process at the other end of a Unix socket, or of the bus.
struct LocalPeer {
  uid_t uid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  // the primary one and all others
};

// What somebody shows; what is not there was not shown.
struct Credentials {
  std::optional<LocalPeer> local;
  std::string authorization;  // of HTTP, e.g. "Bearer TOKEN"
  bool certificate = false;   // one that the client CA vouches for
  std::vector<std::string>
      certificate_names;  // its subject alternative names: "DNS:host", "URI:...", "email:...", "IP:..."
};

// Why somebody is not let in.
struct Denial {
  bool known = false;  // it is known who it is, and they may do nothing; otherwise it is not known
  std::string why;     // names no secret
};
using Admission = tl::expected<Principal, Denial>;

// Which processes of this machine may do what: root and whoever the daemon runs as everything, as may the members of
// `group`; those of `readers` may read.
struct LocalRules {
  uid_t own_uid = 0;
  std::optional<gid_t> group;
  std::optional<gid_t> readers;
};

// A client certificate with this name may do this.
struct CertificateRule {
  std::string name;
  Scope scope = Scope::none;
};

// What TCP clients are let in by.
struct RemoteRules {
  TokenList tokens;
  bool certificates = false;  // those of the client CA, by `rules`; without any: all of them, everything
  std::vector<CertificateRule> certificate_rules;
  bool nobody_asked = false;  // everybody may do everything, at a loopback address
};

// Thread-safe; no call blocks, and none but `change` waits for another.
class Doorkeeper {
 public:
  // Takes the place of what was known, as a whole.
  void change(LocalRules local, RemoteRules remote);

  // By the local peer, where there is one; otherwise by the token, and where none is shown by the certificate. Only at
  // a door on a loopback address is it heeded that nobody is to be asked.
  [[nodiscard]] Admission admit(const Credentials& shown, bool loopback = false) const;
  [[nodiscard]] Admission admit(const LocalPeer& peer) const;

 private:
  struct Rules {
    LocalRules local;
    RemoteRules remote;
  };
  [[nodiscard]] std::shared_ptr<const Rules> rules() const;

  mutable std::mutex mutex_;  // guards rules_; held for a copy of the pointer
  std::shared_ptr<const Rules> rules_ = std::make_shared<const Rules>();
};

// "DNS:ops.example=run". nullopt for what is not of the form KIND:NAME=SCOPE with KIND DNS, URI, email or IP.
[[nodiscard]] std::optional<CertificateRule> parse_certificate_rule(std::string_view text);

}  // namespace spliced::access
