// SPDX-License-Identifier: Apache-2.0
// What jobs take of what there is for all of them: threads, memory, pipes.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "plan/needs.h"
#include "spliced/job/service.h"
#include "spliced/util/memory_limit.h"

namespace spliced::job {

// What a worker takes besides buffers and pipes: its counters and histograms (76 KiB), the engine, as much of its stack
// as it touches, the kernel's stack.
inline constexpr std::uint64_t kWorkerBytes = 128 * 1024;
// What the daemon itself may come to need beyond what it uses at the moment, where memory is limited: answers that are
// being made, connections, the records of jobs.
inline constexpr std::uint64_t kOwnMemory = 64ULL << 20;

// What a job takes of the service's limits.
struct Reservation {
  std::size_t threads = 0;
  std::uint64_t buffers = 0;  // bytes
  std::uint64_t pipes = 0;    // bytes; the kernel charges what is in them to the process's memory
  [[nodiscard]] std::uint64_t memory() const { return buffers + pipes + threads * kWorkerBytes; }
  std::vector<std::vector<run::ResourceGrant>> grants;  // of the streams of each leaf (see leaves_of)
};

// What a job would take when those that run have so many bytes of buffers and pipes: of each resource what the stage
// takes that needs most of it. Whether there is so much is for the caller to see.
[[nodiscard]] Reservation plan_reservation(const JobSpec& spec, const ServiceLimits& limits, std::uint64_t buffers,
                                           std::uint64_t pipes);

// Keeps the books of all running jobs. Thread-safe.
class Quota {
 public:
  explicit Quota(const ServiceLimits& limits) : limits_(limits) {}

  // All that the job needs, or an error (`exhausted`) that names the limit which is in the way; nothing is taken then.
  // `bound`: what limits the memory of the whole process at this moment. Near it, jobs get smaller pipes and batches.
  [[nodiscard]] util::Result<Reservation> reserve(const JobSpec& spec, const std::optional<util::MemoryBound>& bound);
  void give_back(const Reservation& reservation);
  [[nodiscard]] std::size_t running() const;
  // Whether no job has anything, within `limit`.
  [[nodiscard]] bool wait_until_free(util::Nanos limit) const;

 private:
  [[nodiscard]] util::Status check_counts(const JobSpec& spec) const;
  [[nodiscard]] std::uint64_t memory_left(const util::MemoryBound& bound) const;
  [[nodiscard]] ServiceLimits within(std::uint64_t memory) const;
  void add(const Reservation& reservation);

  const ServiceLimits limits_;
  mutable std::mutex mutex_;  // guards the rest
  mutable std::condition_variable freed_;
  std::size_t running_ = 0;  // jobs
  Reservation taken_;        // by all of them
};

}  // namespace spliced::job
