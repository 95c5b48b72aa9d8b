#include <signal.h>

#include <cstdio>
#include <exception>

#include "daemon/log_sink.h"
#include "daemon/run.h"
#include "daemon/version.h"
#include "spliced/util/descriptors.h"
#include "spliced/util/threads.h"

using namespace spliced;

namespace {

int report(const util::Error& error, int code) {
  std::fprintf(stderr, "spliced: %s\n", error.message.c_str());
  return code;
}

int run(int argc, char** argv) {
  const auto command_line = daemon::parse_command_line(argc, argv);
  if (!command_line) return command_line.error();
  if (command_line->version) {
    std::printf("spliced %s (%s)\n", daemon::version(), daemon::revision());
    return 0;
  }
  auto config = daemon::load_config(*command_line);
  if (!config) return report(config.error(), 2);
  if (const auto status = daemon::check(*config); !status) return report(status.error(), 2);
  if (command_line->check_config) {
    std::puts("the configuration is valid");
    return 0;
  }
  util::raise_descriptor_limit();
  // Threads inherit the mask: signals come to the main thread's signalfd alone.
  util::block_all_signals();
  util::install_wake_handler();
  const auto log = daemon::make_logger();
  daemon::App app(std::move(*config), command_line->config_file.value_or(""), *log);
  if (const auto status = app.start(); !status) {
    [[maybe_unused]] const bool left = app.stop();
    return report(status.error(), 1);
  }
  return daemon::run_until_stopped(app, *command_line);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "spliced: %s\n", error.what());
    return 1;
  }
}
