#include "run.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "state_dir.h"

namespace spliced::daemon {

using util::Nanos;

namespace {

constexpr auto kStopLimit = std::chrono::milliseconds(4500);  // of the whole stop
constexpr int kStatusInterval = 2000;                         // milliseconds between STATUS lines

util::UniqueFd open_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  return util::UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// The next signal within `milliseconds`, or 0.
int next_signal(const util::UniqueFd& signals, int milliseconds) {
  pollfd fd{signals.get(), POLLIN, 0};
  ::poll(&fd, 1, milliseconds);
  signalfd_siginfo info{};
  return ::read(signals.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

// Half of WatchdogSec=, in milliseconds; 0 without a watchdog.
int watchdog_interval() {
  std::uint64_t usec = 0;
  return ::sd_watchdog_enabled(0, &usec) > 0 ? static_cast<int>(std::min<std::uint64_t>(usec / 2000, 60'000)) : 0;
}

void notify_reloading() {
  const auto usec = static_cast<long long>(util::system_clock().now() / 1000);
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", usec).c_str());
}

// Ends the process when stopping takes too long, as when a thread waits for a disk or a state directory that does not
// answer: what could be recorded has been by then.
class ExitDeadline {
 public:
  ExitDeadline()
      : thread_([this](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          never_.wait_for(lock, stop, kStopLimit, [] { return false; });
          if (!stop.stop_requested()) ::_exit(0);
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::jthread thread_;
};

}  // namespace

util::Status check(const Config& config) {
  if (auto status = check_state_dir(config.state_dir); !status) return status;
  if (config.token_file.empty()) return {};
  Token token;
  return token.load(config.token_file);
}

int run_until_stopped(App& app, const CommandLine& command_line) {
  const util::UniqueFd signals = open_signals();
  const int watchdog = watchdog_interval();
  const int interval = watchdog > 0 ? std::min(watchdog, kStatusInterval) : kStatusInterval;
  ::sd_notify(0, "READY=1");
  for (;;) {
    const int signal = next_signal(signals, interval);
    if (signal == SIGTERM || signal == SIGINT) break;
    if (signal == SIGHUP) {
      notify_reloading();
      app.reload(load_config(command_line));
      ::sd_notify(0, "READY=1");
    }
    ::sd_notify(0, fmt::format("STATUS={}", app.status_line()).c_str());
    if (watchdog > 0 && app.healthy()) ::sd_notify(0, "WATCHDOG=1");
  }
  ::sd_notify(0, "STOPPING=1\nSTATUS=stopping");
  const ExitDeadline deadline;
  if (app.stop()) return 0;
  // A worker in the kernel can be joined by nobody: everything is recorded, so the process just ends.
  ::_exit(0);
}

}  // namespace spliced::daemon
