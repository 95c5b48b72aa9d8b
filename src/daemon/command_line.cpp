// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "keys.h"
#include "say.h"

namespace spliced::daemon {
namespace {

constexpr const char* kDescription =
    "spliced puts I/O load on disks through splice(2), under the control of an HTTP API, and tells what it saw as\n"
    "Prometheus metrics.";

constexpr const char* kFooter = R"(
Examples:
  spliced --allow '/dev/nvme*n1' --allow /var/lib/spliced/scratch/
      serve on /run/spliced/spliced.sock; jobs may use NVMe disks and files in one directory
  curl --unix-socket /run/spliced/spliced.sock -H 'Content-Type: application/json' \
       -d @job.json http://localhost/v1/jobs
      submit a job

Exit status: 0 after a clean stop, 1 when it could not start, 2 for a wrong flag or configuration.
See spliced(8), and GET /openapi.yaml for the API.)";

void add_key(CLI::App& app, CommandLine& out, const Key& key) {
  const std::string help = fmt::format("{} (default: {})", key.meaning, key.otherwise);
  if (const auto* text = std::get_if<CommandLine::Text CommandLine::*>(&key.member)) {
    app.add_option(key.flag(), out.*(*text), help)->type_name(key.type);
  } else if (const auto* texts = std::get_if<CommandLine::Texts CommandLine::*>(&key.member)) {
    app.add_option(key.flag(), out.*(*texts), help)->type_name(key.type)->allow_extra_args(false);
  } else if (const auto* number = std::get_if<CommandLine::Number CommandLine::*>(&key.member)) {
    app.add_option(key.flag(), out.*(*number), help)->type_name(key.type);
  } else {
    auto& flag = out.*std::get<std::optional<bool> CommandLine::*>(key.member);
    app.add_flag_callback(
        key.flag(), [&flag] { flag = true; }, key.meaning);
  }
}

void add_options(CLI::App& app, CommandLine& out) {
  app.add_option("--config", out.config_file,
                 "JSON file with comments; keys are these flags with _ for -\n"
                 "(default /etc/spliced/spliced.json, if it is there)")
      ->type_name("FILE");
  app.add_flag("--check-config", out.check_config, "Check flags, file and what they name, then exit");
  for (const Key& key : keys()) add_key(app, out, key);
  app.add_flag("--version", out.version, "Print the version and exit");
}

}  // namespace

tl::expected<CommandLine, int> parse_command_line(int argc, char** argv) {
  CLI::App app(kDescription, "spliced");
  app.footer(kFooter);
  CommandLine out;
  add_options(app, out);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out_text;
    std::ostringstream error_text;
    const int code = app.exit(error, out_text, error_text) == 0 ? 0 : 2;
    say(STDOUT_FILENO, out_text.str());
    say(STDERR_FILENO, error_text.str());
    return tl::unexpected(code);
  }
  return out;
}

}  // namespace spliced::daemon
