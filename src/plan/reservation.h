// SPDX-License-Identifier: Apache-2.0
// What a job gets of the machine, as far as that is for us to choose. Pure functions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "run/device_plan.h"
#include "spliced/plan/resource_limits.h"
#include "spliced/plan/spec.h"

namespace spliced::plan {

// What a worker takes besides buffers and pipes: its counters and histograms (76 KiB), the engine, as much of its stack
// as it touches, the kernel's stack.
inline constexpr std::uint64_t kWorkerBytes = 128 * 1024;
// What a job takes of them.
struct Reservation {
  std::size_t threads = 0;
  std::uint64_t buffers = 0;  // bytes
  std::uint64_t pipes = 0;    // bytes; the kernel charges what is in them to the process's memory
  [[nodiscard]] std::uint64_t memory() const { return buffers + pipes + threads * kWorkerBytes; }
  std::vector<std::vector<run::ResourceGrant>> grants;  // of the streams of each leaf (see leaves_of)
};

// What a job would take when those that run have so many bytes of buffers and pipes: of each resource what the stage
// takes that needs most of it. Whether there is so much is for the caller to see.
[[nodiscard]] Reservation plan_reservation(const JobSpec& spec, const ResourceLimits& limits, std::uint64_t buffers,
                                           std::uint64_t pipes);

}  // namespace spliced::plan
