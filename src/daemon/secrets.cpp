// SPDX-License-Identifier: Apache-2.0
#include "secrets.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "settings_file.h"

namespace spliced::daemon {

using util::Errc;
using util::fail;
using util::Result;

namespace {

Result<std::string> read_secret(const std::string& flag, const std::string& path) {
  auto file = read_settings_file(flag, path);
  if (!file) return tl::unexpected(file.error());
  if ((file->mode & S_IRWXO) != 0) {
    return fail(Errc::invalid, fmt::format("{} {}: open to everybody; chmod o-rwx it", flag, path));
  }
  return std::move(file->text);
}

Result<std::string> read_public(const std::string& flag, const std::string& path) {
  if (path.empty()) return std::string();
  auto file = read_settings_file(flag, path);
  if (!file) return tl::unexpected(file.error());
  if (file->text.empty()) return fail(Errc::invalid, fmt::format("{} {}: is empty", flag, path));
  return std::move(file->text);
}

// `prefix`: of the flags.
Result<std::shared_ptr<const http::TlsContext>> load_tls(const std::string& prefix, const TlsFiles& files,
                                                         bool allow_tls12) {
  if (!files.given()) return nullptr;
  auto certificate = read_public(prefix + "-cert", files.cert);
  if (!certificate) return tl::unexpected(certificate.error());
  auto key = read_secret(prefix + "-key", files.key);
  if (!key) return tl::unexpected(key.error());
  auto client_ca = read_public(prefix + "-client-ca", files.client_ca);
  if (!client_ca) return tl::unexpected(client_ca.error());
  auto client_crl = read_public(prefix + "-client-crl", files.client_crl);
  if (!client_crl) return tl::unexpected(client_crl.error());
  auto made = http::TlsContext::make(
      {std::move(*certificate), std::move(*key), std::move(*client_ca), std::move(*client_crl), allow_tls12});
  if (!made) {
    return tl::unexpected(
        util::with_context(made.error(), fmt::format("{0}-cert {1}, {0}-key {2}", prefix, files.cert, files.key)));
  }
  return std::move(*made);
}

}  // namespace

Result<Secrets> load_secrets(const Config& config) {
  Secrets out;
  if (!config.token_file.empty()) {
    const auto text = read_secret("--token-file", config.token_file);
    if (!text) return tl::unexpected(text.error());
    auto tokens = access::TokenList::parse(*text);
    if (!tokens) return tl::unexpected(util::with_context(tokens.error(), "--token-file " + config.token_file));
    out.tokens = std::move(*tokens);
  }
  if (!config.results_key.empty()) {
    const auto pem = read_secret("--results-key", config.results_key);
    if (!pem) return tl::unexpected(pem.error());
    auto key = results::SigningKey::parse(*pem, config.results_key_name);
    if (!key) return tl::unexpected(util::with_context(key.error(), "--results-key " + config.results_key));
    out.results_key = std::move(*key);
  }
  auto tls = load_tls("--tls", config.tls, config.allow_tls12);
  if (!tls) return tl::unexpected(tls.error());
  out.tls = std::move(*tls);
  auto metrics_tls = load_tls("--metrics-tls", config.metrics_tls, config.allow_tls12);
  if (!metrics_tls) return tl::unexpected(metrics_tls.error());
  out.metrics_tls = std::move(*metrics_tls);
  return out;
}

}  // namespace spliced::daemon
