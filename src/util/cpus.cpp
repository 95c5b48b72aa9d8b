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

// Three numbers: time on a CPU, time in the queue for one, turns (Documentation/scheduler/sched-stats.rst).
std::optional<ThreadCpus::Times> parse_times(const char* at, const char* end) {
  ThreadCpus::Times out;
  const auto ran = std::from_chars(at, end, out.ran);
  if (ran.ec != std::errc() || ran.ptr == end) return std::nullopt;
  const auto waited = std::from_chars(ran.ptr + 1, end, out.waited);
  if (waited.ec != std::errc()) return std::nullopt;
  return out;
}

class KernelThreadCpus final : public ThreadCpus {
 public:
  [[nodiscard]] const std::vector<std::size_t>& allowed() const override { return allowed_; }
  [[nodiscard]] std::size_t current() const override { return static_cast<std::size_t>(::sched_getcpu()); }
  [[nodiscard]] std::optional<Times> times() override {
    std::array<char, 80> text{};
    const ssize_t got = ::pread(schedstat_.get(), text.data(), text.size(), 0);
    return got <= 0 ? std::nullopt : parse_times(text.data(), text.data() + got);
  }
  bool bind(std::size_t cpu) override { return bind_to(cpu); }
  void unbind() override { ::sched_setaffinity(0, sizeof mask_, &mask_); }

 private:
  const cpu_set_t mask_ = current_mask();
  const std::vector<std::size_t> allowed_ = cpus_in(mask_);
  const UniqueFd schedstat_{::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)};
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
