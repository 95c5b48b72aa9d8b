#pragma once
#include <optional>
#include <string>
#include <vector>

#include "http/listener.h"
#include "spliced/util/log.h"

namespace spliced::daemon {

// What the daemon was told, from flags, file and defaults, in that order of precedence. Names are those of the flags,
// with `_` for `-` in the file.
struct Config {
  std::vector<http::Address> listen;            // of the control API
  std::optional<http::Address> metrics_listen;  // nullopt: "none"
  std::string state_dir;
  std::vector<std::string> allow;
  std::string token_file;  // "": no token
  bool insecure_no_auth = false;
  std::string bus = "system";  // system, session or none
  util::LogLevel log_level = util::LogLevel::info;
  std::string file;  // that was read; "": none
};

// Read when no other file is named; need not be there.
inline constexpr const char* kDefaultConfigFile = "/etc/spliced/spliced.json";

struct CommandLine {
  std::optional<std::string> config_file;
  std::optional<std::vector<std::string>> listen, allow;
  std::optional<std::string> metrics_listen, state_dir, token_file, bus, log_level;
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
