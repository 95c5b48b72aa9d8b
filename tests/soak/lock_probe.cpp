// SPDX-License-Identifier: Apache-2.0
// Preloaded into the daemon, it tells how long each place in the code held a mutex: a line for each place, with the
// longest time on the clock and the longest of the thread's own CPU time. Written at the end to the file that
// LOCK_PROBE_REPORT names:
//   COUNT WALL_NS CPU_NS MODULE+OFFSET MODULE+OFFSET…   (whoever locked, and the calls on the stack of the longest
//   hold)
// In a virtual machine the time for which the host gave a CPU to others looks like the thread's own: where the probe
// may have threads of real-time priority, these notice it, and it is taken off.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::size_t kPlaces = 2048;  // of the code, in a table with open addresses
constexpr std::size_t kHeld = 64;      // mutexes that a thread holds at once
constexpr int kFrames = 6;
constexpr int kSkipped = 2;                        // frames of the probe itself
constexpr std::uint64_t kWorthAStack = 1'000'000;  // ns of CPU time

struct Place {
  std::atomic<void*> caller{nullptr};
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> wall{0};
  std::atomic<std::uint64_t> cpu{0};
  std::atomic_flag stack_taken = ATOMIC_FLAG_INIT;  // guards the rest
  std::array<void*, kFrames> frames{};
  int depth = 0;
};

struct Hold {
  pthread_mutex_t* mutex;
  void* caller;
  std::uint64_t wall;
  std::uint64_t cpu;
};

std::array<Place, kPlaces> places;
thread_local std::array<Hold, kHeld> held __attribute__((tls_model("initial-exec")));
thread_local std::size_t held_count __attribute__((tls_model("initial-exec"))) = 0;

std::uint64_t now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

// When a CPU ran nothing at all, not even what is more urgent than everything else: a ring, written by one thread.
struct Absences {
  struct Absence {
    std::atomic<std::uint64_t> from{0}, until{0};
  };
  std::array<Absence, 64> latest{};
  std::atomic<std::size_t> count{0};
};
constexpr std::size_t kCpus = 256;
constexpr std::uint64_t kLook = 1'000'000;  // ns between two looks: what is shorter is not noticed
constexpr std::uint64_t kAbsent = 500'000;  // ns that a look may be late
constexpr int kMoreUrgent = 50;
std::array<Absences, kCpus> absences;

void* watch_cpu(void* cpu) {
  Absences& mine = absences[reinterpret_cast<std::uintptr_t>(cpu)];
  for (std::uint64_t due = now(CLOCK_MONOTONIC) + kLook;; due = now(CLOCK_MONOTONIC) + kLook) {
    const timespec until{static_cast<time_t>(due / 1'000'000'000U), static_cast<long>(due % 1'000'000'000U)};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    const std::uint64_t woken = now(CLOCK_MONOTONIC);
    if (woken < due + kAbsent) continue;
    auto& entry = mine.latest[mine.count % mine.latest.size()];
    entry.from = due;
    entry.until = woken;
    mine.count.fetch_add(1);
  }
  return nullptr;
}

// For how long this CPU was away between two times. A thread that moved meanwhile is given less than it is due.
std::uint64_t absent(std::uint64_t from, std::uint64_t until) {
  const int cpu = ::sched_getcpu();
  if (cpu < 0 || static_cast<std::size_t>(cpu) >= kCpus) return 0;
  std::uint64_t out = 0;
  for (const auto& entry : absences[static_cast<std::size_t>(cpu)].latest) {
    const std::uint64_t begin = std::max(from, entry.from.load());
    const std::uint64_t end = std::min(until, entry.until.load());
    if (end > begin) out += end - begin;
  }
  return out;
}

void watch_cpus() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the threads of whoever is probed
  for (std::size_t cpu = 0; cpu < kCpus; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    const sched_param urgent{kMoreUrgent};
    ::pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    ::pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    ::pthread_attr_setschedparam(&attributes, &urgent);
    ::pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    (void)::pthread_create(&thread, &attributes, watch_cpu, reinterpret_cast<void*>(cpu));  // without the right, none
    ::pthread_attr_destroy(&attributes);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Place* place_of(void* caller) {
  std::size_t at = (reinterpret_cast<std::uintptr_t>(caller) * 0x9E3779B97F4A7C15U) % kPlaces;
  for (std::size_t tried = 0; tried < kPlaces; ++tried, at = (at + 1) % kPlaces) {
    void* expected = nullptr;
    Place& place = places[at];
    if (place.caller.compare_exchange_strong(expected, caller) || expected == caller) return &place;
  }
  return nullptr;
}

// Whether `value` is the greatest so far.
bool raise(std::atomic<std::uint64_t>& greatest, std::uint64_t value) {
  std::uint64_t known = greatest.load(std::memory_order_relaxed);
  while (value > known) {
    if (greatest.compare_exchange_weak(known, value, std::memory_order_relaxed)) return true;
  }
  return false;
}

void acquired(pthread_mutex_t* mutex, void* caller) {
  if (held_count == kHeld) return;
  held[held_count++] = {mutex, caller, now(CLOCK_MONOTONIC), now(CLOCK_THREAD_CPUTIME_ID)};
}

// Just before the mutex is given back. The CPU time is looked at first: what the probe does is not held.
void releasing(pthread_mutex_t* mutex) {
  const std::uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t wall = now(CLOCK_MONOTONIC);
  std::size_t at = held_count;
  while (at > 0 && held[at - 1].mutex != mutex) --at;
  if (at == 0) return;
  const Hold hold = held[at - 1];
  for (; at < held_count; ++at) held[at - 1] = held[at];
  --held_count;
  Place* place = place_of(hold.caller);
  if (place == nullptr) return;
  place->count.fetch_add(1, std::memory_order_relaxed);
  raise(place->wall, wall - hold.wall);
  std::uint64_t own = cpu - hold.cpu;
  if (own >= kWorthAStack) own -= std::min(own, absent(hold.wall, wall));
  if (!raise(place->cpu, own) || own < kWorthAStack) return;
  if (place->stack_taken.test_and_set()) return;
  place->depth = ::backtrace(place->frames.data(), kFrames);
  place->stack_taken.clear();
}

template <class Function>
Function real(const char* name, const char* version) {
  void* found = ::dlvsym(RTLD_NEXT, name, version);  // the condition variables of today: others bear the same names
  if (found == nullptr) found = ::dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function>(found);
}

using OfMutex = int (*)(pthread_mutex_t*);
using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*);
using TimedWait = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
using ClockWait = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);

void print_address(std::FILE* out, void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    std::fprintf(out, " ?+%p", address);
    return;
  }
  // One less, to be in the call and not behind it.
  const auto offset = reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(info.dli_fbase) - 1;
  std::fprintf(out, " %s+%#zx", info.dli_fname, static_cast<std::size_t>(offset));
}

void print_place(std::FILE* out, const Place& place) {
  std::fprintf(out, "%llu %llu %llu", static_cast<unsigned long long>(place.count.load()),
               static_cast<unsigned long long>(place.wall.load()), static_cast<unsigned long long>(place.cpu.load()));
  print_address(out, place.caller.load());
  for (int i = kSkipped; i < place.depth; ++i) print_address(out, place.frames[static_cast<std::size_t>(i)]);
  std::fprintf(out, "\n");
}

// The first call of backtrace(3) loads a library, which is not to happen under somebody's lock.
[[gnu::constructor]] void prepare() {
  std::array<void*, 1> frame{};
  ::backtrace(frame.data(), 1);
  watch_cpus();
}

// Once, however the process ends.
// Whoever is probed may say that what came before does not count.
extern "C" [[gnu::visibility("default")]] void lock_probe_restart() {
  for (Place& place : places) place.count = place.wall = place.cpu = 0;
}

[[gnu::destructor]] void report() {
  static std::atomic_flag done = ATOMIC_FLAG_INIT;
  if (done.test_and_set()) return;
  const char* path = std::getenv("LOCK_PROBE_REPORT");
  std::FILE* out = path == nullptr ? nullptr : std::fopen(path, "we");
  if (out == nullptr) return;
  for (const Place& place : places) {
    if (place.caller.load() != nullptr) print_place(out, place);
  }
  std::fclose(out);
}

}  // namespace

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const auto next = real<OfMutex>("pthread_mutex_lock", "GLIBC_2.2.5");
  const int code = next(mutex);
  if (code == 0) acquired(mutex, __builtin_return_address(0));
  return code;
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static const auto next = real<OfMutex>("pthread_mutex_trylock", "GLIBC_2.2.5");
  const int code = next(mutex);
  if (code == 0) acquired(mutex, __builtin_return_address(0));
  return code;
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const auto next = real<OfMutex>("pthread_mutex_unlock", "GLIBC_2.2.5");
  releasing(mutex);
  return next(mutex);
}

// While it waits a thread does not hold the mutex.
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static const auto next = real<Wait>("pthread_cond_wait", "GLIBC_2.3.2");
  releasing(mutex);
  const int code = next(condition, mutex);
  acquired(mutex, __builtin_return_address(0));
  return code;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static const auto next = real<TimedWait>("pthread_cond_timedwait", "GLIBC_2.3.2");
  releasing(mutex);
  const int code = next(condition, mutex, until);
  acquired(mutex, __builtin_return_address(0));
  return code;
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  static const auto next = real<ClockWait>("pthread_cond_clockwait", "GLIBC_2.30");
  releasing(mutex);
  const int code = next(condition, mutex, clock, until);
  acquired(mutex, __builtin_return_address(0));
  return code;
}

// Without destructors, where a thread cannot be joined.
void _exit(int code) {
  static const auto next = real<void (*)(int)>("_exit", "GLIBC_2.2.5");
  report();
  next(code);
  __builtin_unreachable();
}

}  // extern "C"
