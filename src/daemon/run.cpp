// SPDX-License-Identifier: Apache-2.0
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
#include <system_error>
#include <thread>

#include "notifier.h"
#include "say.h"
#include "secrets.h"

namespace spliced::daemon {

using util::Nanos;

namespace {

constexpr auto kWholeStopLimit = std::chrono::milliseconds(4500);  // of the whole stop
constexpr auto kLastWords = std::chrono::milliseconds(1000);       // for the log to be taken
constexpr int kStatusInterval = 2000;                              // milliseconds between STATUS lines

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

void reload(App& app, const CommandLine& command_line, Notifier& systemd) {
  const auto usec = static_cast<long long>(util::system_clock().now() / 1000);
  systemd.state(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", usec));
  (void)app.reload(load_config(command_line));
  // Ready either way; systemd knows no other answer. The status line goes on telling of a failure.
  systemd.state(fmt::format("READY=1\nSTATUS={}", app.status_line()));
}

// Ends the process when stopping takes too long, as when a thread waits for a disk or a state directory that does not
// answer: what could be recorded has been by then.
class ExitDeadline {
 public:
  // Its thread is there from the start: at the end there may be none to be had.
  explicit ExitDeadline(QueuedLogger& log) : log_(log), thread_([this](const std::stop_token& stop) { run(stop); }) {}

  // `started`: whether the daemon had come up; what the process says when it is ended depends on it.
  void begin(util::Status started) {
    const std::lock_guard lock(mutex_);
    started_ = std::move(started);
    begun_ = true;
    changed_.notify_all();
  }
  // Without destructors: threads that cannot be joined may go on until the very end.
  [[noreturn]] void leave() {
    log_.flush(kLastWords);
    if (!started_) say(STDERR_FILENO, fmt::format("spliced: {}\n", started_.error().message));
    ::_exit(started_ ? 0 : 1);
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return begun_; })) return;
    changed_.wait_for(lock, stop, kWholeStopLimit, [] { return false; });
    if (!stop.stop_requested()) leave();
  }

  QueuedLogger& log_;
  util::Status started_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool begun_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

util::Status start(App& app) {
  try {
    return app.start();
  } catch (const std::system_error& error) {  // of a thread
    return util::fail(util::Errc::exhausted, without_threads(error));
  }
}

void wait_for_the_end(App& app, const CommandLine& command_line, Notifier& systemd) {
  const util::UniqueFd signals = open_signals();
  const int watchdog = watchdog_interval();
  const int interval = watchdog > 0 ? std::min(watchdog, kStatusInterval) : kStatusInterval;
  for (;;) {
    const int signal = next_signal(signals, interval);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) reload(app, command_line, systemd);
    systemd.tick(fmt::format("STATUS={}", app.status_line()));
    if (watchdog > 0 && app.healthy()) systemd.tick("WATCHDOG=1");
  }
}

}  // namespace

std::string without_threads(const std::system_error& error) {
  return fmt::format("cannot start a thread: {}; raise the limit on them (TasksMax= of the unit, ulimit -u)",
                     error.code().message());
}

util::Status check(const Config& config) {
  if (auto status = check_state_dir(config.state_dir); !status) return status;
  const auto secrets = load_secrets(config);
  return secrets ? util::Status() : tl::unexpected(secrets.error());
}

util::Status serve(Config config, const CommandLine& command_line, QueuedLogger& log) {
  ExitDeadline deadline(log);  // outlives the application, whose destructor waits for threads
  auto sockets = InheritedSockets::adopt();
  if (!sockets) return tl::unexpected(sockets.error());
  App app(std::move(config), log, std::move(*sockets));
  Notifier systemd;
  auto started = start(app);
  if (started) {
    systemd.state(fmt::format("READY=1\nSTATUS={}", app.status_line()));
    wait_for_the_end(app, command_line, systemd);
    constexpr auto kUsec = std::chrono::microseconds(kWholeStopLimit + 2 * kLastWords).count();
    systemd.state(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=stopping", kUsec));
  }
  deadline.begin(started);
  // A worker in the kernel can be joined by nobody: everything is recorded, so the process just ends.
  if (!app.stop()) deadline.leave();
  return started;
}

}  // namespace spliced::daemon
