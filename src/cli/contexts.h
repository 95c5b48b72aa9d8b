// SPDX-License-Identifier: Apache-2.0
// Named servers in a file of the user's: where they are, and what to show them.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "spliced/util/result.h"

namespace spliced::cli {

// Whom to talk to, and what to show. "": not given.
struct Target {
  std::string server;      // unix:/PATH, http://HOST:PORT or https://HOST:PORT
  std::string token_file;  // its first line is the bearer token
  std::string cacert;      // PEM of the authority of the server's certificate; "": those that the system trusts
  std::string cert, key;   // PEM of one's own
};
inline constexpr const char* kDefaultServer = "unix:/run/spliced/spliced.sock";

// The members of a target by the names of their flags.
struct TargetMember {
  const char* name;
  std::string Target::*member;
};
inline constexpr TargetMember kTargetMembers[] = {{"server", &Target::server},
                                                  {"token_file", &Target::token_file},
                                                  {"cacert", &Target::cacert},
                                                  {"cert", &Target::cert},
                                                  {"key", &Target::key}};

struct Contexts {
  std::string current;  // "": none
  std::map<std::string, Target> known;
};

// $SPLICECTL_CONFIG, else splicectl.json below $XDG_CONFIG_HOME/spliced or ~/.config/spliced; "" where there is no
// home.
[[nodiscard]] std::string contexts_path();
// A file that is not there, or in a directory that is closed, has no contexts. Errors name the file and the key.
[[nodiscard]] util::Result<Contexts> read_contexts(const std::string& path);
// All or nothing, readable for the user alone.
[[nodiscard]] util::Status write_contexts(const std::string& path, const Contexts& contexts);

// What was given, completed by the context: the named one, or the current one unless a server was given, so that no
// server sees what another is meant to. Without any: the default server. Errors: a context that is not known.
[[nodiscard]] util::Result<Target> complete(Target given, const std::string& context, const Contexts& contexts);

}  // namespace spliced::cli
