// SPDX-License-Identifier: Apache-2.0
#include "spliced/access/doorkeeper.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

namespace spliced::access {
namespace {

Denial unknown(std::string why) {
  return {false, std::move(why)};
}
Denial forbidden(std::string why) {
  return {true, std::move(why)};
}

Scope scope_of(const LocalRules& rules, const LocalPeer& peer) {
  const auto member_of = [&](std::optional<gid_t> group) {
    return group && std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end();
  };
  if (peer.uid == 0 || peer.uid == rules.own_uid || member_of(rules.group)) return Scope::destroy;
  return member_of(rules.readers) ? Scope::read : Scope::none;
}

Admission by_local(const LocalRules& rules, const LocalPeer& peer) {
  Principal who{fmt::format("uid:{}", peer.uid), scope_of(rules, peer)};
  if (who.scope == Scope::none) {
    return tl::unexpected(forbidden(fmt::format(
        "uid {} is neither root nor in the group that may use the daemon; see OPERATIONS, Secure", peer.uid)));
  }
  return who;
}

// The scheme's name has no case (RFC 9110, 11.1).
std::optional<std::string_view> bearer(std::string_view authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.size() < kBearer.size() ||
      ::strncasecmp(authorization.data(), kBearer.data(), kBearer.size()) != 0) {
    return std::nullopt;
  }
  return authorization.substr(kBearer.size());
}

Admission by_token(const TokenList& tokens, std::string_view authorization) {
  const auto token = bearer(authorization);
  if (!token) return tl::unexpected(unknown("a bearer token is needed: Authorization: Bearer TOKEN"));
  const TokenEntry* entry = tokens.find(*token);
  if (entry == nullptr) return tl::unexpected(unknown("the bearer token is not valid"));
  // In seconds: a far year has more nanoseconds than the clock's type holds.
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  if (entry->expires && now >= *entry->expires) {
    return tl::unexpected(unknown(fmt::format("the bearer token {} has expired", entry->name)));
  }
  return Principal{"token:" + entry->name, entry->scope};
}

// The first name that a rule knows; of several rules for it the one with the most.
Admission by_certificate(const RemoteRules& rules, const std::vector<std::string>& names) {
  if (names.empty()) {
    return tl::unexpected(forbidden("the client certificate has no subject alternative name to know it by"));
  }
  if (rules.certificate_rules.empty()) return Principal{"cert:" + names.front(), Scope::destroy};
  Principal who;
  for (const auto& name : names) {
    for (const auto& rule : rules.certificate_rules) {
      // Names of hosts and schemes of addresses have no case; the rest has.
      const bool same =
          rule.name.starts_with("DNS:") ? ::strcasecmp(rule.name.c_str(), name.c_str()) == 0 : rule.name == name;
      if (same && rule.scope > who.scope) who = {"cert:" + name, rule.scope};
    }
  }
  if (who.scope != Scope::none) return who;
  return tl::unexpected(forbidden(fmt::format("the client certificate of {} is not known here", names.front())));
}

Admission by_remote(const RemoteRules& rules, const Credentials& shown, bool loopback) {
  if (rules.nobody_asked && loopback) return anonymous(Scope::destroy);
  const bool tokens = !rules.tokens.empty();
  if (tokens && !shown.authorization.empty()) return by_token(rules.tokens, shown.authorization);
  if (rules.certificates && shown.certificate) return by_certificate(rules, shown.certificate_names);
  if (!rules.certificates) return by_token(rules.tokens, shown.authorization);
  return tl::unexpected(
      unknown(tokens ? "a client certificate, or a bearer token, is needed" : "a client certificate is needed"));
}

}  // namespace

void Doorkeeper::change(LocalRules local, RemoteRules remote) {
  auto next = std::make_shared<const Rules>(Rules{local, std::move(remote)});
  const std::lock_guard lock(mutex_);
  rules_ = std::move(next);
}

std::shared_ptr<const Doorkeeper::Rules> Doorkeeper::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

Admission Doorkeeper::admit(const LocalPeer& peer) const {
  return by_local(rules()->local, peer);
}

Admission Doorkeeper::admit(const Credentials& shown, bool loopback) const {
  const auto known = rules();
  return shown.local ? by_local(known->local, *shown.local) : by_remote(known->remote, shown, loopback);
}

std::optional<CertificateRule> parse_certificate_rule(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == text.npos) return std::nullopt;
  const auto scope = parse_scope(text.substr(equals + 1));
  const std::string_view name = text.substr(0, equals);
  const auto colon = name.find(':');
  if (!scope || colon == name.npos || colon + 1 == name.size()) return std::nullopt;
  constexpr std::array<std::string_view, 4> kinds{"DNS", "URI", "email", "IP"};
  if (std::find(kinds.begin(), kinds.end(), name.substr(0, colon)) == kinds.end()) return std::nullopt;
  return CertificateRule{std::string(name), *scope};
}

}  // namespace spliced::access
