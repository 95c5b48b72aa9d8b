// SPDX-License-Identifier: Apache-2.0
// What jobs take of what there is for all of them: threads, memory, pipes.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "plan/reservation.h"
#include "spliced/job/service.h"
#include "spliced/util/memory_limit.h"

namespace spliced::job {

// What the daemon itself may come to need beyond what it uses at the moment, where memory is limited: answers that are
// being made, connections, the records of jobs.
inline constexpr std::uint64_t kOwnMemory = 64ULL << 20;

// Keeps the books of all running jobs. Thread-safe.
class Quota {
 public:
  explicit Quota(const ServiceLimits& limits) : limits_(limits) {}

  // All that the job needs, or an error (`exhausted`) that names the limit which is in the way; nothing is taken then.
  // `bound`: what limits the memory of the whole process at this moment. Near it, jobs get smaller pipes and batches.
  [[nodiscard]] util::Result<plan::Reservation> reserve(const JobSpec& spec,
                                                        const std::optional<util::MemoryBound>& bound);
  void give_back(const plan::Reservation& reservation);
  [[nodiscard]] std::size_t running() const;
  // Whether no job has anything, within `limit`.
  [[nodiscard]] bool wait_until_free(util::Nanos limit) const;

 private:
  [[nodiscard]] util::Status check_counts(const JobSpec& spec) const;
  [[nodiscard]] std::uint64_t memory_left(const util::MemoryBound& bound) const;
  [[nodiscard]] plan::ResourceLimits within(std::uint64_t memory) const;
  void add(const plan::Reservation& reservation);

  const ServiceLimits limits_;
  mutable std::mutex mutex_;  // guards the rest
  mutable std::condition_variable freed_;
  std::size_t running_ = 0;  // jobs
  plan::Reservation taken_;  // by all of them
};

}  // namespace spliced::job
