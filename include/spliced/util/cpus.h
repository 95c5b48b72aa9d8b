// SPDX-License-Identifier: Apache-2.0
// Which CPUs a thread may run on (sched_setaffinity(2)), and how long it waited for one.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/clock.h"
#include "spliced/util/result.h"

namespace spliced::util {

// Numbers of CPUs, ascending, each once; all below kMaxCpus.
using CpuList = std::vector<unsigned>;
inline constexpr unsigned kMaxCpus = 1024;  // as many as a cpu_set_t holds

// "0-3,7", as taskset(1) and fio write it. Fails on anything else, on an empty list and on numbers from kMaxCpus on.
[[nodiscard]] Result<CpuList> parse_cpu_list(std::string_view text);
// In the shortest form, so that parse_cpu_list reads the same back; "" for none.
[[nodiscard]] std::string format_cpu_list(const CpuList& cpus);

// Those that the calling thread may run on.
[[nodiscard]] CpuList allowed_cpus();
// Lets the calling thread run on these alone. 0, or an errno: EINVAL when it may run on none of them.
[[nodiscard]] int run_on_cpus(const CpuList& cpus);

// Of the calling thread since it began, as the kernel's scheduler counts it (/proc/thread-self/schedstat).
struct SchedulerTimes {
  Nanos ran = 0;
  Nanos waited = 0;  // while it was ready to run
};
// None where the kernel does not keep them (CONFIG_SCHED_INFO). Opens, reads and closes a file: some 10 µs.
[[nodiscard]] std::optional<SchedulerTimes> scheduler_times();

}  // namespace spliced::util
