#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "config.h"
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

void add_options(CLI::App& app, CommandLine& out) {
  app.add_option("--config", out.config_file,
                 "JSON file with comments; keys are these flags with _ for -\n"
                 "(default /etc/spliced/spliced.json, if it is there)")
      ->type_name("FILE");
  app.add_flag("--check-config", out.check_config, "Check flags, file and what they name, then exit");
  app.add_option("--listen", out.listen,
                 "Address of the control API: unix:/PATH or HOST:PORT; repeatable\n"
                 "(default unix:/run/spliced/spliced.sock). TCP needs --token-file")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--metrics-listen", out.metrics_listen,
                 "Address of /metrics, /livez and /readyz, or none (default 127.0.0.1:9650)")
      ->type_name("ADDRESS");
  app.add_option("--state-dir", out.state_dir, "Where jobs are recorded (default $STATE_DIRECTORY or /var/lib/spliced)")
      ->type_name("DIR");
  app.add_option("--allow", out.allow,
                 "Glob of targets that jobs may use; one ending in / allows all files below it; repeatable\n"
                 "(default: none)")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--token-file", out.token_file, "File with the bearer token that TCP clients must send")
      ->type_name("FILE");
  app.add_flag_callback(
      "--insecure-no-auth", [&out] { out.insecure_no_auth = true; },
      "Serve TCP without a token, on loopback addresses only");
  app.add_option("--bus", out.bus, "D-Bus to join: system, session or none (default system)")->type_name("BUS");
  app.add_option("--log-level", out.log_level, "error, warning, notice, info or debug (default info)")
      ->type_name("LEVEL");
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
