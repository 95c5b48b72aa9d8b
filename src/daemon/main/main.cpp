// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <exception>

#include "daemon/log_sink.h"
#include "daemon/run.h"
#include "daemon/say.h"
#include "daemon/version.h"
#include "spliced/util/descriptors.h"
#include "spliced/util/threads.h"

using namespace spliced;

namespace {

constexpr std::chrono::milliseconds kLastWords{1000};  // for the log to be taken

int report(const util::Error& error, int code) {
  daemon::say(STDERR_FILENO, fmt::format("spliced: {}\n", error.message));
  return code;
}

// Hundreds of threads come and go, and allocate little: an arena for each would keep what the last one left behind
// (mallopt(3)). The path of an I/O allocates nothing.
void keep_memory_together() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

int serve(daemon::Config config, const daemon::CommandLine& command_line) {
  keep_memory_together();
  // Threads inherit the mask: signals come to the main thread's signalfd alone.
  util::block_all_signals();
  util::install_wake_handler();
  util::raise_descriptor_limit();
  const auto log = daemon::make_logger();
  const auto served = daemon::serve(std::move(config), command_line, *log);
  const bool log_ended = log->finish(kLastWords);
  const int code = served ? 0 : report(served.error(), 1);
  if (!log_ended) ::_exit(code);
  return code;
}

int follow(int argc, char** argv) {
  const auto command_line = daemon::parse_command_line(argc, argv);
  if (!command_line) return command_line.error();
  if (command_line->version) {
    daemon::say(STDOUT_FILENO, fmt::format("spliced {} ({})\n", daemon::version(), daemon::revision()));
    return 0;
  }
  auto config = daemon::load_config(*command_line);
  if (!config) return report(config.error(), 2);
  if (const auto status = daemon::check(*config); !status) return report(status.error(), 2);
  if (!command_line->check_config) return serve(std::move(*config), *command_line);
  daemon::say(STDOUT_FILENO, "the configuration is valid\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return follow(argc, argv);
  } catch (const std::system_error& error) {  // the first threads
    daemon::say(STDERR_FILENO, fmt::format("spliced: {}\n", daemon::without_threads(error)));
    return 1;
  } catch (const std::exception& error) {
    daemon::say(STDERR_FILENO, fmt::format("spliced: {}\n", error.what()));
    return 1;
  }
}
