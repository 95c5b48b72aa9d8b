// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/cpus.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "spliced/util/unique_fd.h"

namespace spliced::util {
namespace {

cpu_set_t current_mask() {
  cpu_set_t out;
  CPU_ZERO(&out);
  ::sched_getaffinity(0, sizeof out, &out);
  return out;
}

std::vector<std::size_t> cpus_in(const cpu_set_t& mask) {
  std::vector<std::size_t> out;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) out.push_back(cpu);
  }
  return out;
}

bool bind_to(std::size_t cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return ::sched_setaffinity(0, sizeof one, &one) == 0;
}

// Three numbers: time on a CPU, time in the queue for one, turns (Documentation/scheduler/sched-stats.rst). A thread
// that runs has had a turn, unless they are not kept.
std::optional<ThreadCpus::Times> parse_times(const char* at, const char* end) {
  std::array<Nanos, 3> numbers{};
  for (Nanos& number : numbers) {
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc()) return std::nullopt;
    at = parsed.ptr == end ? end : parsed.ptr + 1;
  }
  if (numbers[2] == 0) return std::nullopt;
  return ThreadCpus::Times{numbers[0], numbers[1]};
}

class KernelThreadCpus final : public ThreadCpus {
 public:
  [[nodiscard]] const std::vector<std::size_t>& allowed() const override { return allowed_; }
  [[nodiscard]] std::size_t current() const override { return static_cast<std::size_t>(::sched_getcpu()); }
  // Opened anew each time, which is seldom: a descriptor for each worker would be many.
  [[nodiscard]] std::optional<Times> times() override {
    const UniqueFd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
    std::array<char, 80> text{};
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    return got <= 0 ? std::nullopt : parse_times(text.data(), text.data() + got);
  }
  // Others may have changed where the thread may run (taskset(1), a cpuset): what they said last holds.
  bool bind(std::size_t cpu) override {
    const cpu_set_t mask = current_mask();
    if (!CPU_ISSET(cpu, &mask) || !bind_to(cpu)) return false;
    before_ = mask;
    bound_ = cpu;
    return true;
  }
  void unbind() override {
    const cpu_set_t mask = current_mask();
    if (bound_ && CPU_COUNT(&mask) == 1 && CPU_ISSET(*bound_, &mask)) ::sched_setaffinity(0, sizeof before_, &before_);
    bound_.reset();
  }

 private:
  const std::vector<std::size_t> allowed_ = cpus_in(current_mask());
  cpu_set_t before_{};
  std::optional<std::size_t> bound_;
};

}  // namespace

void stay_on_cpu(std::size_t index) {
  const std::vector<std::size_t> cpus = cpus_in(current_mask());
  if (!cpus.empty()) bind_to(cpus[index % cpus.size()]);
}

std::unique_ptr<ThreadCpus> cpus_of_this_thread() {
  return std::make_unique<KernelThreadCpus>();
}

}  // namespace spliced::util
