// What jobs take of the memory that there is for all of them.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "plan.h"
#include "spliced/job/service.h"

namespace spliced::job {

// What a job takes of the service's limits.
struct Reservation {
  std::size_t threads = 0;
  std::uint64_t buffers = 0;  // bytes
  std::uint64_t pipes = 0;    // bytes
  Grant grant;
  std::optional<std::size_t> first_cpu;  // see DevicePlan
};

// From so many workers for each CPU on they are dealt out to the CPUs. The kernel leaves some CPUs with more of them
// than others for seconds, and equal devices get shares that are up to twice as large as others.
inline constexpr std::size_t kWorkersPerCpu = 16;

// Nobody looks at what is read: all reads of a worker go through the same buffer, of a block or this many bytes. It
// stays in a first-level cache (32 KiB and more) next to what is copied; twice as much did not. An engine that takes
// kMaxBatch parts in a call empties a pipe of 1 MiB in one.
inline constexpr std::size_t kReadWindow = 16 * 1024;
[[nodiscard]] constexpr std::size_t read_buffer_bytes(std::size_t block) {
  return std::min(block, kReadWindow);
}

// The most that the buffers of a job take, bytes.
[[nodiscard]] std::uint64_t buffer_bytes(const JobSpec& spec, const Grant& grant);

// What a job would take when those that run have so many bytes of buffers and pipes. Whether there is so much is for
// the caller to see.
[[nodiscard]] Reservation book(const JobSpec& spec, const ServiceLimits& limits, std::uint64_t buffers,
                               std::uint64_t pipes);

}  // namespace spliced::job
