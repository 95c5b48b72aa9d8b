#pragma once
#include <string>

#include "client.h"

namespace spliced::cli {

enum ExitCode { kPassed = 0, kFailed = 1, kUsage = 2, kNoDaemon = 3 };

// What every command is given.
struct Context {
  Client& client;
  bool json = false;  // print the daemon's answer instead of text
};

[[nodiscard]] int submit(const Context& context, const std::string& file);
[[nodiscard]] int run(const Context& context, const std::string& file);
[[nodiscard]] int list(const Context& context, const std::string& state);
[[nodiscard]] int show(const Context& context, const std::string& id);
[[nodiscard]] int cancel(const Context& context, const std::string& id);
[[nodiscard]] int devices(const Context& context);
[[nodiscard]] int capabilities(const Context& context);

// The definition in a file, or on stdin for "-".
[[nodiscard]] util::Result<std::string> read_definition(const std::string& file);
// Prints why the daemon refused: every field of it on stderr, or its JSON. The exit code.
[[nodiscard]] int refused(const Context& context, const Answer& answer);
// Prints the error on stderr.
int no_daemon(const util::Error& error);

}  // namespace spliced::cli
