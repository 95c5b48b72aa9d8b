// SPDX-License-Identifier: Apache-2.0
#include "process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "family_builder.h"

namespace spliced::metrics {
namespace {

// The fields of /proc/self/stat after the command name, which may contain anything (proc(5)).
std::vector<double> stat_fields() {
  std::ifstream in("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::vector<double> out;
  std::string field;
  while (fields >> field) out.push_back(std::strtod(field.c_str(), nullptr));
  return out;
}

double boot_time() {
  std::ifstream in("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    if (fields >> key >> value && key == "btime") return value;
  }
  return 0;
}

void gauge(const char* name, const char* help, double value, std::vector<prometheus::MetricFamily>& out) {
  auto family = Family::gauge(name, help);
  family.add({}, value);
  family.finish(out);
}

}  // namespace

void collect_process(std::vector<prometheus::MetricFamily>& out) {
  const std::vector<double> stat = stat_fields();
  constexpr std::size_t kUser = 11, kSystem = 12, kThreads = 17, kStart = 19, kVirtual = 20, kResident = 21;
  if (stat.size() <= kResident) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  auto cpu = Family::counter("process_cpu_seconds_total", "User and system CPU time in seconds.");
  cpu.add({}, (stat[kUser] + stat[kSystem]) / ticks);
  cpu.finish(out);
  static const double started = boot_time() + stat[kStart] / ticks;
  gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch.", started, out);
  gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", stat[kVirtual], out);
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
        stat[kResident] * static_cast<double>(::sysconf(_SC_PAGESIZE)), out);
  gauge("process_threads", "Number of threads.", stat[kThreads], out);
  std::error_code error;
  double open = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++open;
  }
  gauge("process_open_fds", "Number of open file descriptors.", open, out);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  gauge("process_max_fds", "Maximum number of open file descriptors.", static_cast<double>(limit.rlim_cur), out);
}

}  // namespace spliced::metrics
