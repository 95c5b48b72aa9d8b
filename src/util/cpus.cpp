// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/cpus.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "spliced/util/unique_fd.h"

namespace spliced::util {
namespace {

std::optional<unsigned> parse_cpu(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= kMaxCpus) return std::nullopt;
  return value;
}

// "3" or "0-3".
bool add_range(std::string_view text, CpuList& out) {
  const auto dash = text.find('-');
  const auto first = parse_cpu(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_cpu(text.substr(dash + 1));
  if (!first || !last || *last < *first) return false;
  for (unsigned cpu = *first; cpu <= *last; ++cpu) out.push_back(cpu);
  return true;
}

// Three numbers: time on a CPU, time in the queue for one, turns (Documentation/scheduler/sched-stats.rst). A thread
// that runs has had a turn, unless they are not kept.
std::optional<SchedulerTimes> parse_times(const char* at, const char* end) {
  std::array<Nanos, 3> numbers{};
  for (Nanos& number : numbers) {
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc()) return std::nullopt;
    at = parsed.ptr == end ? end : parsed.ptr + 1;
  }
  if (numbers[2] == 0) return std::nullopt;
  return SchedulerTimes{numbers[0], numbers[1]};
}

}  // namespace

Result<CpuList> parse_cpu_list(std::string_view text) {
  CpuList out;
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    if (!add_range(rest.substr(0, comma), out)) {
      return fail(Errc::invalid,
                  fmt::format("\"{}\" is not a list of CPUs such as \"0-3,7\", with numbers below {}", text, kMaxCpus));
    }
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string format_cpu_list(const CpuList& cpus) {
  std::string out;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    out += fmt::format("{}{}", out.empty() ? "" : ",", cpus[i]);
    if (last > i) out += fmt::format("-{}", cpus[last]);
    i = last + 1;
  }
  return out;
}

CpuList allowed_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  ::sched_getaffinity(0, sizeof mask, &mask);
  CpuList out;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) out.push_back(cpu);
  }
  return out;
}

int run_on_cpus(const CpuList& cpus) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const unsigned cpu : cpus) CPU_SET(cpu, &mask);
  return ::sched_setaffinity(0, sizeof mask, &mask) == 0 ? 0 : errno;
}

std::optional<SchedulerTimes> scheduler_times() {
  const UniqueFd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  std::array<char, 80> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  return got <= 0 ? std::nullopt : parse_times(text.data(), text.data() + got);
}

}  // namespace spliced::util
