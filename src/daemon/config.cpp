// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "form/strict_json.h"
#include "keys.h"
#include "settings_file.h"
#include "spliced/util/text.h"

namespace spliced::daemon {

using nlohmann::json;
using util::Errc;
using util::fail;
using util::Status;

namespace {

template <class T>
constexpr const char* kKindOf = "a string";
template <>
constexpr const char* kKindOf<std::vector<std::string>> = "an array of strings";
template <>
constexpr const char* kKindOf<bool> = "true or false";
template <>
constexpr const char* kKindOf<std::int64_t> = "a whole number";

// The library would take 1.5 for 1.
template <class T>
bool is_of_kind(const json& value) {
  if constexpr (!std::is_same_v<T, std::int64_t>) return true;
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
}

// A value of the file goes where the command line left room for it.
template <class T>
Status read_key(const json& file, const char* key, std::optional<T>& out) {
  const auto found = file.find(key);
  if (found == file.end() || out) return {};
  try {
    if (is_of_kind<T>(*found)) {
      out = found->get<T>();
      return {};
    }
  } catch (const json::exception&) {  // told below
  }
  return fail(Errc::invalid, fmt::format("key \"{}\": {} is given; {} is expected", key, found->dump(), kKindOf<T>));
}

Status merge_file(const std::string& path, CommandLine& into) {
  const auto read = read_settings_file("--config", path);
  if (!read) return tl::unexpected(read.error());
  const auto parsed = form::parse_strict(read->text, {"the file", true});
  if (!parsed) {
    const std::string& where = parsed.error().details.front().pointer;
    return fail(Errc::invalid,
                fmt::format("--config {}: {}{}{}", path, where, where.empty() ? "" : ": ", parsed.error().message));
  }
  const json& file = *parsed;
  if (!file.is_object()) return fail(Errc::invalid, fmt::format("--config {}: an object is expected", path));
  std::vector<std::string_view> known;
  for (const Key& key : keys()) known.emplace_back(key.name);
  for (const auto& [key, value] : file.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return fail(Errc::invalid,
                  fmt::format("--config {}: unknown key \"{}\"; known are {}", path, key, fmt::join(known, ", ")));
    }
  }
  for (const Key& key : keys()) {
    const auto status = std::visit([&](auto member) { return read_key(file, key.name, into.*member); }, key.member);
    if (!status) return tl::unexpected(util::with_context(status.error(), "--config " + path));
  }
  return {};
}

// Whether clients of TCP are asked who they are, and a token is not told to whoever listens on the way.
Status check_guarded(const Config& config, const http::Address& address) {
  if (address.is_unix() || (config.insecure_no_auth && address.is_loopback())) return {};
  const bool certificates = config.tls.given() && !config.tls.client_ca.empty();
  if (config.token_file.empty() && !certificates) {
    return fail(Errc::invalid, fmt::format("--listen {}: TCP needs --token-file FILE, or --tls-cert, --tls-key and "
                                           "--tls-client-ca; on a loopback address, --insecure-no-auth does without",
                                           address.text()));
  }
  if (!config.tls.given() && !address.is_loopback()) {
    return fail(Errc::invalid,
                fmt::format("--listen {}: a token would cross the network in clear text; give --tls-cert "
                            "and --tls-key, or listen on a loopback address",
                            address.text()));
  }
  return {};
}

Status read_addresses(const CommandLine& from, Config& config) {
  config.default_listen = !from.listen;
  for (const auto& text : from.listen.value_or(std::vector<std::string>{"unix:/run/spliced/spliced.sock"})) {
    auto address = http::parse_address(text);
    if (!address) return tl::unexpected(util::with_context(address.error(), "--listen"));
    if (auto status = check_guarded(config, *address); !status) return status;
    // Port 0 is another one each time.
    const auto same = [&](const http::Address& other) {
      return other.text() == address->text() && (other.is_unix() || other.port != 0);
    };
    if (std::any_of(config.listen.begin(), config.listen.end(), same)) {
      return fail(Errc::invalid, fmt::format("--listen {}: is given twice", text));
    }
    config.listen.push_back(std::move(*address));
  }
  const std::string metrics = from.metrics_listen.value_or("127.0.0.1:9650");
  if (metrics == "none") return {};
  auto address = http::parse_address(metrics);
  if (!address) return tl::unexpected(util::with_context(address.error(), "--metrics-listen"));
  config.metrics_listen = std::move(*address);
  return {};
}

// Certificate and key belong together, and the others to them.
util::Result<TlsFiles> tls_files(const char* prefix, const CommandLine::Text& cert, const CommandLine::Text& key,
                                 const CommandLine::Text& client_ca, const CommandLine::Text& client_crl) {
  TlsFiles out{cert.value_or(""), key.value_or(""), client_ca.value_or(""), client_crl.value_or("")};
  const auto needs = [&](const char* given, const char* missing) {
    return fail(Errc::invalid, fmt::format("--{0}-{1} needs --{0}-{2}, which is not given", prefix, given, missing));
  };
  if (out.cert.empty() != out.key.empty()) return out.cert.empty() ? needs("key", "cert") : needs("cert", "key");
  if (out.cert.empty() && !out.client_ca.empty()) return needs("client-ca", "cert");
  if (out.client_ca.empty() && !out.client_crl.empty()) return needs("client-crl", "client-ca");
  return out;
}

Status read_tls(const CommandLine& from, Config& config) {
  auto control = tls_files("tls", from.tls_cert, from.tls_key, from.tls_client_ca, from.tls_client_crl);
  if (!control) return tl::unexpected(control.error());
  config.tls = std::move(*control);
  auto metrics = tls_files("metrics-tls", from.metrics_tls_cert, from.metrics_tls_key, from.metrics_tls_client_ca,
                           from.metrics_tls_client_crl);
  if (!metrics) return tl::unexpected(metrics.error());
  config.metrics_tls = std::move(*metrics);
  const std::string version = from.tls_min_version.value_or("1.3");
  if (version != "1.2" && version != "1.3") {
    return fail(Errc::invalid, fmt::format("--tls-min-version \"{}\": 1.2 or 1.3 is expected", version));
  }
  config.allow_tls12 = version == "1.2";
  for (const auto& text : from.tls_client.value_or(std::vector<std::string>{})) {
    auto rule = access::parse_certificate_rule(text);
    if (!rule) {
      return fail(Errc::invalid,
                  fmt::format("--tls-client \"{}\": a name and a scope are expected, such as "
                              "DNS:ops.example=run; kinds are DNS, URI, email and IP, scopes read, run and "
                              "destroy",
                              text));
    }
    config.tls_client.push_back(std::move(*rule));
  }
  if (config.tls_client.empty() || !config.tls.client_ca.empty()) return {};
  return fail(Errc::invalid, "--tls-client needs --tls-client-ca, which is not given");
}

constexpr std::size_t kMaxKeyName = 128;  // characters

// What systemd has put aside for this service (LoadCredential= of systemd.exec(5)), where nothing else was said.
void fill_in_credentials(CommandLine& into) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) return;
  const std::pair<const char*, CommandLine::Text CommandLine::*> known[] = {
      {"spliced.tokens", &CommandLine::token_file},           {"spliced.results-key", &CommandLine::results_key},
      {"spliced.tls-cert", &CommandLine::tls_cert},           {"spliced.tls-key", &CommandLine::tls_key},
      {"spliced.tls-client-ca", &CommandLine::tls_client_ca}, {"spliced.tls-client-crl", &CommandLine::tls_client_crl}};
  for (const auto& [name, member] : known) {
    const std::string path = fmt::format("{}/{}", directory, name);
    if (!(into.*member) && ::access(path.c_str(), F_OK) == 0) into.*member = path;
  }
}

// Whether a [ begins no bracket expression of fnmatch(3), which would take it for the character.
bool has_open_bracket(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
      continue;
    }
    if (pattern[i] != '[') continue;
    ++i;
    if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
    const auto end = pattern.find_first_of("]/", i + 1);  // one that comes first is a member
    if (end == pattern.npos || pattern[end] == '/') return true;
    i = end;
  }
  return false;
}

Status check_patterns(const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) {
    if (pattern.empty() || pattern[0] != '/') {
      return fail(Errc::invalid, fmt::format("--allow \"{}\": a pattern must be an absolute path", pattern));
    }
    if (has_open_bracket(pattern)) {
      return fail(Errc::invalid, fmt::format("--allow \"{}\": a [ without ]; write \\[ for the character", pattern));
    }
  }
  return {};
}

// A file that is there but cannot be looked at is not taken for a missing one.
bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// Stays as it is where nothing was said.
template <class T>
Status read_number(const char* flag, const CommandLine::Number& from, std::int64_t least, std::int64_t most, T& out) {
  if (!from) return {};
  if (*from < least || *from > most) {
    return fail(Errc::invalid, fmt::format("{} {}: a number from {} to {} is expected", flag, *from, least, most));
  }
  out = static_cast<T>(*from);
  return {};
}

Status read_retention(const CommandLine& from, Config& config) {
  if (auto status = read_number("--keep-jobs", from.keep_jobs, 1, 100'000, config.keep_jobs); !status) return status;
  return read_number("--keep-days", from.keep_days, 0, 36'500, config.keep_days);
}

Status read_turns(const CommandLine& from, Config& config) {
  auto status = read_number("--max-running-devices", from.max_running_devices, 0, 4096, config.max_running_devices);
  if (!status) return status;
  return read_number("--resume-timeout", from.resume_timeout, 0, 86'400, config.resume_timeout);
}

// systemd lists the state directories of a unit with colons between them (systemd.exec(5)); ours is the first.
std::string default_state_dir() {
  const char* from_systemd = std::getenv("STATE_DIRECTORY");
  const std::string_view listed = from_systemd == nullptr ? "/var/lib/spliced" : from_systemd;
  return std::string(listed.substr(0, listed.find(':')));
}

}  // namespace

util::Result<Config> load_config(const CommandLine& command_line, const std::string& otherwise) {
  CommandLine merged = command_line;
  if (!merged.config_file && exists(otherwise)) merged.config_file = otherwise;
  if (merged.config_file) {
    if (auto status = merge_file(*merged.config_file, merged); !status) return tl::unexpected(status.error());
  }
  fill_in_credentials(merged);
  Config config;
  config.file = merged.config_file.value_or("");
  config.state_dir = merged.state_dir.value_or(default_state_dir());
  if (config.state_dir.empty() || config.state_dir[0] != '/') {
    return fail(Errc::invalid, fmt::format("--state-dir \"{}\": an absolute path is expected", config.state_dir));
  }
  if (auto status = read_retention(merged, config); !status) return tl::unexpected(status.error());
  if (auto status = read_turns(merged, config); !status) return tl::unexpected(status.error());
  config.allow = merged.allow.value_or(std::vector<std::string>{});
  config.unconfirmed_models = merged.unconfirmed_models.value_or(std::vector<std::string>{});
  if (auto status = check_patterns(config.allow); !status) return tl::unexpected(status.error());
  config.token_file = merged.token_file.value_or("");
  config.results_key = merged.results_key.value_or("");
  config.results_key_name = merged.results_key_name.value_or("");
  if (util::characters(config.results_key_name) > kMaxKeyName ||
      !util::unfit_character(config.results_key_name).empty()) {
    return fail(Errc::invalid, fmt::format("--results-key-name \"{}\": {} characters of text at most are expected",
                                           util::printable(config.results_key_name), kMaxKeyName));
  }
  config.recipe_dir = merged.recipe_dir.value_or(config.recipe_dir);
  if (config.recipe_dir.empty() || config.recipe_dir[0] != '/')
    return fail(Errc::invalid, fmt::format("--recipe-dir \"{}\": an absolute path is expected", config.recipe_dir));
  config.read_group = merged.read_group.value_or("");
  config.insecure_no_auth = merged.insecure_no_auth.value_or(false);
  config.bus = merged.bus.value_or("system");
  if (config.bus != "system" && config.bus != "session" && config.bus != "none") {
    return fail(Errc::invalid, fmt::format("--bus \"{}\": system, session or none is expected", config.bus));
  }
  const auto level = util::parse_log_level(merged.log_level.value_or("info"));
  if (!level) return tl::unexpected(util::with_context(level.error(), "--log-level"));
  config.log_level = *level;
  if (auto status = read_tls(merged, config); !status) return tl::unexpected(status.error());
  if (auto status = read_addresses(merged, config); !status) return tl::unexpected(status.error());
  return config;
}

}  // namespace spliced::daemon
