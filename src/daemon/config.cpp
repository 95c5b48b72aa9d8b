#include "config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "api/strict_json.h"
#include "settings_file.h"

namespace spliced::daemon {

using nlohmann::json;
using util::Errc;
using util::fail;
using util::Status;

namespace {

// A value of the file goes where the command line left room for it.
template <class T>
Status take(const json& file, const char* key, const char* kind, std::optional<T>& out) {
  const auto found = file.find(key);
  if (found == file.end() || out) return {};
  try {
    out = found->get<T>();
  } catch (const json::exception&) {
    return fail(Errc::invalid, fmt::format("key \"{}\": {} is given; {} is expected", key, found->dump(), kind));
  }
  return {};
}

Status merge_file(const std::string& path, CommandLine& into) {
  const auto read = read_settings_file("--config", path);
  if (!read) return tl::unexpected(read.error());
  const auto parsed = api::parse_strict(read->text, {"the file", true});
  if (!parsed) {
    const std::string& where = parsed.error().details.front().pointer;
    return fail(Errc::invalid,
                fmt::format("--config {}: {}{}{}", path, where, where.empty() ? "" : ": ", parsed.error().message));
  }
  const json& file = *parsed;
  if (!file.is_object()) return fail(Errc::invalid, fmt::format("--config {}: an object is expected", path));
  constexpr std::array<std::string_view, 8> known{"listen",     "metrics_listen",   "state_dir", "allow",
                                                  "token_file", "insecure_no_auth", "bus",       "log_level"};
  for (const auto& [key, value] : file.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return fail(Errc::invalid,
                  fmt::format("--config {}: unknown key \"{}\"; known are {}", path, key, fmt::join(known, ", ")));
    }
  }
  for (const auto& status :
       {take(file, "listen", "an array of strings", into.listen),
        take(file, "allow", "an array of strings", into.allow),
        take(file, "metrics_listen", "a string", into.metrics_listen),
        take(file, "state_dir", "a string", into.state_dir), take(file, "token_file", "a string", into.token_file),
        take(file, "bus", "a string", into.bus), take(file, "log_level", "a string", into.log_level),
        take(file, "insecure_no_auth", "true or false", into.insecure_no_auth)}) {
    if (!status) return tl::unexpected(util::with_context(status.error(), "--config " + path));
  }
  return {};
}

Status read_addresses(const CommandLine& from, Config& config) {
  for (const auto& text : from.listen.value_or(std::vector<std::string>{"unix:/run/spliced/spliced.sock"})) {
    auto address = http::parse_address(text);
    if (!address) return tl::unexpected(util::with_context(address.error(), "--listen"));
    const bool guarded = !config.token_file.empty() || (config.insecure_no_auth && address->is_loopback());
    if (!address->is_unix() && !guarded) {
      return fail(Errc::invalid, fmt::format("--listen {}: TCP needs --token-file FILE; on a loopback address, "
                                             "--insecure-no-auth does without",
                                             text));
    }
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
  Config config;
  config.file = merged.config_file.value_or("");
  config.state_dir = merged.state_dir.value_or(default_state_dir());
  if (config.state_dir.empty() || config.state_dir[0] != '/') {
    return fail(Errc::invalid, fmt::format("--state-dir \"{}\": an absolute path is expected", config.state_dir));
  }
  config.allow = merged.allow.value_or(std::vector<std::string>{});
  if (auto status = check_patterns(config.allow); !status) return tl::unexpected(status.error());
  config.token_file = merged.token_file.value_or("");
  config.insecure_no_auth = merged.insecure_no_auth.value_or(false);
  config.bus = merged.bus.value_or("system");
  if (config.bus != "system" && config.bus != "session" && config.bus != "none") {
    return fail(Errc::invalid, fmt::format("--bus \"{}\": system, session or none is expected", config.bus));
  }
  const auto level = util::parse_log_level(merged.log_level.value_or("info"));
  if (!level) return tl::unexpected(util::with_context(level.error(), "--log-level"));
  config.log_level = *level;
  if (auto status = read_addresses(merged, config); !status) return tl::unexpected(status.error());
  return config;
}

}  // namespace spliced::daemon
