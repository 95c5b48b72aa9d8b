// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/listener.h"
#include "spliced/access/doorkeeper.h"
#include "spliced/util/log.h"

namespace spliced::daemon {

// Files of PEM that a TCP listener needs for TLS; certificate and key "": none.
struct TlsFiles {
  std::string cert, key, client_ca, client_crl;
  [[nodiscard]] bool given() const { return !cert.empty(); }
};

// What the daemon was told, from flags, file and defaults, in that order of precedence. Names are those of the flags,
// with `_` for `-` in the file; see keys().
struct Config {
  std::vector<http::Address> listen;            // of the control API
  bool default_listen = false;                  // nobody said where
  std::optional<http::Address> metrics_listen;  // nullopt: "none"
  std::string state_dir;
  std::string recipe_dir = "/etc/spliced/recipes";
  std::string results_key;              // "": results are not signed
  std::string results_key_name;         // "": it has none
  std::size_t keep_jobs = 1000;         // that have ended
  unsigned keep_days = 0;               // after their end; 0: for ever
  std::size_t max_running_devices = 0;  // that are worked on at a time; 0: any number
  unsigned resume_timeout = 600;        // seconds
  std::vector<std::string> allow;
  std::vector<std::string> unconfirmed_models;
  std::string read_group;  // "": none
  std::string token_file;  // "": no token
  TlsFiles tls, metrics_tls;
  std::vector<access::CertificateRule> tls_client;
  bool allow_tls12 = false;
  bool insecure_no_auth = false;
  std::string bus = "system";  // system, session or none
  util::LogLevel log_level = util::LogLevel::info;
  std::string file;  // that was read; "": none
};

// Read when no other file is named; need not be there.
inline constexpr const char* kDefaultConfigFile = "/etc/spliced/spliced.json";

struct CommandLine {
  using Text = std::optional<std::string>;
  using Texts = std::optional<std::vector<std::string>>;
  using Number = std::optional<std::int64_t>;
  Text config_file;
  Texts listen, allow, unconfirmed_models, tls_client;
  Text results_key, results_key_name;
  Text metrics_listen, state_dir, recipe_dir, read_group, token_file, bus, log_level;
  Number keep_jobs, keep_days, max_running_devices, resume_timeout;
  Text tls_cert, tls_key, tls_client_ca, tls_client_crl, tls_min_version;
  Text metrics_tls_cert, metrics_tls_key, metrics_tls_client_ca, metrics_tls_client_crl;
  std::optional<bool> insecure_no_auth;
  bool check_config = false;
  bool version = false;
};

// Parses argv. Returns the exit code when the program is to end at once (after --help, or an error on stderr).
[[nodiscard]] tl::expected<CommandLine, int> parse_command_line(int argc, char** argv);

// Reads the file, merges, validates. The error names the flag or key, its value and what would be right. `otherwise` is
// read if the command line names no file and it is there.
[[nodiscard]] util::Result<Config> load_config(const CommandLine& command_line,
                                               const std::string& otherwise = kDefaultConfigFile);

}  // namespace spliced::daemon
