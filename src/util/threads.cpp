// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/threads.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace spliced::util {

void name_this_thread(std::string_view name) {
  ::pthread_setname_np(::pthread_self(), std::string(name.substr(0, 15)).c_str());
}

void raise_priority() {
  constexpr int kNice = -15;  // some thirty times the share of a worker (sched(7))
  // On Linux the nice value belongs to the thread.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

void restore_priority() {
  const int ordinary = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid()));
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), ordinary);
}

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kOwnTables = false;
#else
constexpr bool kOwnTables = true;
#endif
constexpr unsigned kFirst = STDERR_FILENO + 1U;  // what is written to standard error must never go to a disk

bool close_range(unsigned from, unsigned flags) {
  return ::syscall(SYS_close_range, from, ~0U, flags) == 0;
}

}  // namespace

bool leave_descriptor_table(OwnTable how) {
  constexpr unsigned kUnshare = 1U << 1;  // CLOSE_RANGE_UNSHARE, linux/close_range.h
  return kOwnTables && close_range(how == OwnTable::empty ? kFirst : ~0U, kUnshare);
}

void close_own_descriptors() {
  close_range(kFirst, 0);
}

void block_all_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// A standard signal: many of them to a thread that cannot take them now are one, where real-time signals would queue
// up.
int wake_signal() {
  return SIGURG;
}

void install_wake_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigemptyset(&action.sa_mask);
  ::sigaction(wake_signal(), &action, nullptr);
}

void accept_wake_signal() {
  sigset_t wake;
  ::sigemptyset(&wake);
  ::sigaddset(&wake, wake_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
}

void wake_thread(pthread_t thread) {
  ::pthread_kill(thread, wake_signal());
}

}  // namespace spliced::util
