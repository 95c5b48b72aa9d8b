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

// Of the environment; "" where it is not set.
[[nodiscard]] std::string variable(const char* name);

struct ContextsFile {
  std::string path;    // "" where there is no home
  bool named = false;  // by $SPLICECTL_CONFIG: it has to be there
};
// $SPLICECTL_CONFIG, else splicectl.json below $XDG_CONFIG_HOME/spliced or ~/.config/spliced.
[[nodiscard]] ContextsFile contexts_file();
// A file that was not named and is not there, or in a directory that is closed, has no contexts. Errors name the file
// and the key.
[[nodiscard]] util::Result<Contexts> read_contexts(const ContextsFile& file);
// All or nothing, readable for the user alone.
[[nodiscard]] util::Status write_contexts(const std::string& path, const Contexts& contexts);

// What the command line says, or the environment.
struct Asked {
  Target target;
  std::string context;
};
// The server to talk to, with what is meant for it and for no other: the flags win, then the context that is named by a
// flag, or the variables (which may name one), or the current context, or the default server. A server that is named by
// a flag has nothing of a context, nor of variables that name another server. Errors: a context that is not known; a
// server and a context that are named at the same place.
[[nodiscard]] util::Result<Target> choose(const Asked& flags, const Asked& environment, const Contexts& contexts);

}  // namespace spliced::cli
