// SPDX-License-Identifier: Apache-2.0
#include "doors.h"

#include <fmt/format.h>
#include <grp.h>
#include <unistd.h>

namespace spliced::daemon {
namespace {

constexpr std::size_t kControlThreads = 128;  // of requests that wait: for a job, or for a disk to be looked at
constexpr std::size_t kMetricsThreads = 4;
constexpr std::size_t kQueue = 256;

std::optional<gid_t> group_id(const std::string& name) {
  const struct group* entry = name.empty() ? nullptr : ::getgrnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->gr_gid);
}

util::Result<access::LocalRules> local_rules(const Config& config) {
  access::LocalRules rules{::geteuid(), group_id(kGroup), group_id(config.read_group)};
  if (!config.read_group.empty() && !rules.readers) {
    return util::fail(util::Errc::invalid, fmt::format("--read-group \"{}\": there is no such group; \"groupadd "
                                                       "--system\" makes one",
                                                       config.read_group));
  }
  return rules;
}

}  // namespace

util::Status Doors::apply(const Config& config) {
  auto secrets = load_secrets(config);
  if (!secrets) return tl::unexpected(secrets.error());
  const std::lock_guard lock(mutex_);
  if (!local_) {
    auto rules = local_rules(config);
    if (!rules) return tl::unexpected(rules.error());
    local_ = *rules;
    insecure_ = config.insecure_no_auth;
  }
  // Without token and certificates, only --insecure-no-auth lets TCP be listened to.
  const bool certificates = config.tls.given() && !config.tls.client_ca.empty();
  const bool nobody_asked = secrets->tokens.empty() && !certificates && insecure_;
  control_.change(*local_, {secrets->tokens, certificates, config.tls_client, nobody_asked});
  // Without certificates of its own any more, the listener goes on with those that it has, and with whom it lets in.
  if (secrets->metrics_tls) scrapers_asked_ = !config.metrics_tls.client_ca.empty();
  metrics_.change(*local_, {{}, scrapers_asked_, {}, !scrapers_asked_});
  // A listener that encrypts goes on to do so.
  if (!secrets->tls) secrets->tls = secrets_.tls;
  if (!secrets->metrics_tls) secrets->metrics_tls = secrets_.metrics_tls;
  secrets_ = std::move(*secrets);
  return {};
}

Doors::Context Doors::context(Context Secrets::*which) const {
  const std::lock_guard lock(mutex_);
  return secrets_.*which;
}

std::optional<results::SigningKey> Doors::results_key() const {
  const std::lock_guard lock(mutex_);
  return secrets_.results_key;
}

http::ListenerConfig Doors::control(const http::Address& address) {
  http::ListenerConfig out{address, "control", kControlThreads, kQueue, "", {}};
  out.admit = [this, loopback = address.is_loopback()](const access::Credentials& shown) {
    return control_.admit(shown, loopback);
  };
  const std::lock_guard lock(mutex_);
  if (address.is_unix()) {
    out.socket_group = kGroup;
    out.socket_for_all = local_ && local_->readers;  // whom it lets in is decided by who they are
  } else if (secrets_.tls) {
    out.tls = [this] { return context(&Secrets::tls); };
  }
  return out;
}

http::ListenerConfig Doors::metrics(const http::Address& address) {
  http::ListenerConfig out{address, "metrics", kMetricsThreads, kQueue, "", {}};
  if (address.is_unix()) return out;
  const std::lock_guard lock(mutex_);
  if (!secrets_.metrics_tls) return out;
  out.tls = [this] { return context(&Secrets::metrics_tls); };
  // Whatever the address: there is nothing but to look at.
  out.admit = [this](const access::Credentials& shown) { return metrics_.admit(shown, true); };
  return out;
}

}  // namespace spliced::daemon
