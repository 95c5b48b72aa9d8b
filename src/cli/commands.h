// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "client.h"
#include "text.h"
#include "wanted.h"

namespace spliced::cli {

// Scripts build on them.
enum ExitCode {
  kPassed = 0,        // the job has the verdict PASS, or the command succeeded
  kFailed = 1,        // the job has the verdict FAIL, and nothing else
  kUsage = 2,         // wrong usage
  kNoDaemon = 3,      // the daemon was not reached
  kRefused = 4,       // refused, or invalid
  kUndecided = 5,     // cancelled, interrupted, or without a verdict
  kInconclusive = 6,  // what was to be measured could not be
};

// What every command is given.
struct Context {
  Client& client;
  bool json = false;       // print the daemon's answer instead of text
  unsigned progress = 30;  // seconds between lines of progress where there is no terminal; 0: none
  Style style{};
};

[[nodiscard]] int submit(const Context& context, const Wanted& wanted);
[[nodiscard]] int validate(const Context& context, const Wanted& wanted);
[[nodiscard]] int run(const Context& context, const Wanted& wanted);
[[nodiscard]] int wait(const Context& context, const std::string& id);
[[nodiscard]] int events(const Context& context, const std::string& id, bool follow);  // "": of all jobs
[[nodiscard]] int list(const Context& context, const std::string& state, const std::string& device);
[[nodiscard]] int show(const Context& context, const std::string& id);
[[nodiscard]] int control(const Context& context, const std::string& id,
                          const char* deed);  // "cancel", "pause", "resume"
[[nodiscard]] int remove(const Context& context, const std::string& id);
[[nodiscard]] int version(const Context& context);
[[nodiscard]] int devices(const Context& context, const std::string& name);  // "": all of them
[[nodiscard]] int recipes(const Context& context, const std::string& name);  // "": a list of them
[[nodiscard]] int capabilities(const Context& context);

// Prints why the daemon refused: every field of it on stderr, or its JSON. The exit code.
[[nodiscard]] int refused(const Context& context, const Answer& answer);
// Print the error on stderr. The exit code.
int no_daemon(const util::Error& error);
int unreadable(const util::Error& error);
void print_json(const Json& value);
// As a part of a URL: all but RFC 3986's unreserved characters as %XX.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace spliced::cli
