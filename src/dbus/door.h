// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "polkit.h"
#include "spliced/access/doorkeeper.h"
#include "spliced/util/deed.h"
#include "spliced/util/log.h"
#include "spliced/util/result.h"

namespace spliced::dbus {

// Who calls, and what they may. Bus thread only.
class Door {
 public:
  using Admit = std::function<access::Admission(const access::LocalPeer&)>;
  Door(sdbus::IConnection& connection, Admit admit, util::Logger& log, util::DeedLog& deeds);

  struct Caller {
    std::string sender;           // unique name on the bus
    std::string peer;             // for the log
    access::Admission admission;  // by our own rules
    std::optional<uid_t> uid;     // where the bus says it
    bool interactive = false;     // is willing to wait until a person has been asked
  };
  [[nodiscard]] Caller caller_of(const sdbus::Message& call) const;

  // For the getter of a property, with the message that it fills: returns when whoever asks may read, and throws
  // AccessDenied otherwise. polkit has no say in this: a getter must not wait for it.
  void check_reader(const sdbus::Message& reply);

  // Error: forbidden.
  [[nodiscard]] static util::Result<access::Principal> allow(const access::Admission& admission, access::Scope needed,
                                                             const char* call);
  // Where that was refused: what polkit gives for this one call.
  struct ResourceGrant {
    std::optional<access::Principal> principal;  // with the scope
    bool too_many = false;                       // it is being asked about too much already
  };
  // `then`: see Polkit::ask.
  void ask(const Caller& caller, access::Scope scope, const char* call, std::function<void(const ResourceGrant&)> then);
  void sweep() { polkit_.sweep(); }  // in every round of the bus

 private:
  // nullopt: the bus does not say.
  [[nodiscard]] std::optional<access::LocalPeer> peer_of(const std::string& sender) const;
  [[nodiscard]] access::Admission admit(const std::optional<access::LocalPeer>& peer) const;
  [[nodiscard]] static std::string describe(const access::LocalPeer& peer);  // for the log

  const Admit admit_;
  util::DeedLog& deeds_;
  std::unique_ptr<sdbus::IProxy> bus_;
  Polkit polkit_;
  // Whom it was asked for last: one call reads many properties. A name is never given to another on the same bus.
  mutable std::string last_sender_;
  mutable access::LocalPeer last_peer_;
};

}  // namespace spliced::dbus
