// SPDX-License-Identifier: Apache-2.0
#include "interruption.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "commands.h"

namespace spliced::cli {
namespace {

// nohup(1), and shells for what they start in the background.
bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

util::UniqueFd catch_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) ::sigaddset(&set, signal);
  }
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return util::UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// What the thread that asks and the one that waits have in common.
struct Exchange {
  util::UniqueFd answered{::eventfd(0, EFD_CLOEXEC)};
  std::optional<util::Result<Answer>> answer;
};

}  // namespace

Interruption::Interruption() : fd_(catch_signals()) {}

void Interruption::set_words(std::string first, std::string last) {
  first_words_ = std::move(first);
  last_words_ = std::move(last);
}

void Interruption::look() {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
    const bool first = ++signals_ == 1;
    const char* over_the_progress = ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "";
    fmt::print(stderr, "{}{}\n", over_the_progress, first ? first_words_ : last_words_);
    if (first) continue;
    std::fflush(nullptr);
    ::_exit(kUndecided);  // a request may be under way that nobody can end
  }
}

util::Result<Answer> Interruption::ask(std::function<util::Result<Answer>()> question) {
  const auto exchange = std::make_shared<Exchange>();
  std::thread asking([exchange, question = std::move(question)] {
    exchange->answer = question();
    ::eventfd_write(exchange->answered.get(), 1);
  });
  for (;;) {
    std::array<pollfd, 2> fds{{{exchange->answered.get(), POLLIN, 0}, {fd_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    look();
    if ((fds[0].revents & POLLIN) != 0) break;
  }
  asking.join();
  return std::move(*exchange->answer);
}

void Interruption::wait(int milliseconds) {
  pollfd fd{fd_.get(), POLLIN, 0};
  ::poll(&fd, 1, milliseconds);
  look();
}

}  // namespace spliced::cli
