// SPDX-License-Identifier: Apache-2.0
#include "door.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "errors.h"
#include "names.h"
#include "raw_message.h"

namespace spliced::dbus {

Door::Door(sdbus::IConnection& connection, Admit admit, util::Logger& log, util::DeedLog& deeds)
    : admit_(std::move(admit)),
      deeds_(deeds),
      bus_(sdbus::createProxy(connection, kBusName, kBusPath)),
      polkit_(connection, log) {}

Door::Caller Door::caller_of(const sdbus::Message& call) const {
  const std::string sender = call.getSender();
  const auto peer = peer_of(sender);
  Caller caller{sender, sender, admit(peer), std::nullopt, may_ask_a_person(call)};
  if (peer) {
    caller.peer = describe(*peer);
    caller.uid = peer->uid;
  }
  return caller;
}

std::string Door::describe(const access::LocalPeer& peer) {
  return fmt::format("uid {}, pid {}", peer.uid, peer.pid);
}

access::Admission Door::admit(const std::optional<access::LocalPeer>& peer) const {
  if (peer) return admit_(*peer);
  return tl::unexpected(access::Denial{false, "the caller hung up before the bus could say who it is"});
}

// The bus is asked, which knows it of the time when the connection was made (D-Bus specification,
// GetConnectionCredentials): what /proc says of a process may be that of its successor. It answers whatever its clients
// do.
std::optional<access::LocalPeer> Door::peer_of(const std::string& sender) const {
  if (sender == last_sender_) return last_peer_;
  try {
    std::map<std::string, sdbus::Variant> shown;
    bus_->callMethod("GetConnectionCredentials").onInterface(kBusInterface).withArguments(sender).storeResultsTo(shown);
    access::LocalPeer peer{shown.at("UnixUserID").get<std::uint32_t>(), 0, {}};
    if (shown.contains("ProcessID")) peer.pid = static_cast<pid_t>(shown.at("ProcessID").get<std::uint32_t>());
    if (shown.contains("UnixGroupIDs")) {
      for (const gid_t group : shown.at("UnixGroupIDs").get<std::vector<std::uint32_t>>()) peer.groups.push_back(group);
    }
    last_sender_ = sender;
    last_peer_ = peer;
    return peer;
  } catch (const sdbus::Error&) {  // it is gone
  } catch (const std::out_of_range&) {
  }
  return std::nullopt;
}

void Door::check_reader(const sdbus::Message& reply) {
  const std::string sender = asker_of(reply);
  if (sender.empty()) return;  // a signal, which the policy of the bus shows to those who may read
  const auto peer = peer_of(sender);
  const auto who = allow(admit(peer), access::Scope::read, "a property");
  if (who) return;
  deeds_.log(
      {"Get property", peer ? describe(*peer) : sender, short_name(who.error().code), false, who.error().message, {}});
  throw to_bus(who.error());
}

util::Result<access::Principal> Door::allow(const access::Admission& admission, access::Scope needed,
                                            const char* call) {
  const auto no = [](std::string why) { return util::refuse(util::Reason::forbidden, std::move(why)); };
  if (!admission) return no(admission.error().why);
  const access::Principal& who = *admission;
  if (who.may(needed)) return who;
  return no(fmt::format("{} needs the scope {}; {} has {}", call, access::scope_name(needed), who.name,
                        access::scope_name(who.scope)));
}

void Door::ask(const Caller& caller, access::Scope scope, const char* call,
               std::function<void(const ResourceGrant&)> then) {
  if (!caller.uid) return then({});
  const uid_t uid = *caller.uid;
  polkit_.ask({caller.sender, uid, scope, call, caller.interactive}, [=](Polkit::Answer answer) {
    ResourceGrant grant{std::nullopt, answer == Polkit::Answer::too_many};
    if (answer == Polkit::Answer::yes) grant.principal = access::Principal{fmt::format("uid:{}", uid), scope};
    then(grant);
  });
}

}  // namespace spliced::dbus
