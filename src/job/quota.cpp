// SPDX-License-Identifier: Apache-2.0
#include "quota.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/needs.h"
#include "spliced/util/descriptors.h"

namespace spliced::job {

using plan::descriptors_of;
using plan::Reservation;
using plan::threads_of;
using util::Errc;
using util::fail;

namespace {

std::uint64_t left_of(std::uint64_t all, std::uint64_t used) {
  return all - std::min(all, used);
}

}  // namespace

std::uint64_t descriptors_for_jobs() {
  const std::uint64_t limit = util::descriptor_limit();
  return limit - std::min(kOwnDescriptors, limit / 2);
}

util::Status Quota::check_counts(const JobSpec& spec) const {
  if (running_ >= limits_.running_jobs) {
    return fail(Errc::exhausted, fmt::format("{} jobs are running; that is the limit", running_));
  }
  const std::size_t threads = threads_of(spec);
  if (taken_.threads + threads > limits_.worker_threads) {
    return fail(Errc::exhausted, fmt::format("{} worker threads are running and this job needs {}; the limit is {}",
                                             taken_.threads, threads, limits_.worker_threads));
  }
  const std::uint64_t descriptors = descriptors_of(spec);
  if (descriptors > limits_.descriptors) {
    return fail(Errc::exhausted, fmt::format("each device of this job needs {} descriptors; the limit is {}: raise "
                                             "LimitNOFILE= of the unit, or ulimit -n",
                                             descriptors, limits_.descriptors));
  }
  return {};
}

// Buffers are faulted in when they are made, so those of running jobs are among what is used, and what is used besides
// is the rest. Pipes fill only later: they are counted as booked.
std::uint64_t Quota::memory_left(const util::MemoryBound& bound) const {
  const std::uint64_t besides = left_of(bound.used, taken_.buffers);
  return left_of(bound.limit, besides + kOwnMemory + taken_.memory());
}

// So that a job makes do with what there is, where it leaves the choice: half of it for batches, a quarter for pipes.
plan::ResourceLimits Quota::within(std::uint64_t memory) const {
  plan::ResourceLimits out = limits_.resources;
  out.buffer_bytes = std::min(limits_.resources.buffer_bytes, taken_.buffers + memory);
  const std::uint64_t pipes = std::max<std::uint64_t>(1, taken_.pipes + memory / 2);  // 0 would be: any
  out.pipe_bytes = limits_.resources.pipe_bytes == 0 ? pipes : std::min(limits_.resources.pipe_bytes, pipes);
  return out;
}

util::Result<Reservation> Quota::reserve(const JobSpec& spec, const std::optional<util::MemoryBound>& bound) {
  const std::lock_guard lock(mutex_);
  if (auto status = check_counts(spec); !status) return tl::unexpected(status.error());
  const std::uint64_t left = bound ? memory_left(*bound) : 0;
  Reservation out =
      plan::plan_reservation(spec, bound ? within(left) : limits_.resources, taken_.buffers, taken_.pipes);
  if (taken_.buffers + out.buffers > limits_.resources.buffer_bytes) {
    return fail(Errc::exhausted,
                fmt::format("running jobs have {} bytes of buffers and this one needs {}; the limit is {}",
                            taken_.buffers, out.buffers, limits_.resources.buffer_bytes));
  }
  if (bound && out.memory() > left) {
    return fail(
        Errc::exhausted,
        fmt::format("this job needs {} bytes of memory for buffers, pipes and workers, and {} are left: {} allows "
                    "{} bytes, {} are in use, running jobs have {} reserved, and {} are kept for the daemon",
                    out.memory(), left, bound->path, bound->limit, bound->used, taken_.memory(), kOwnMemory));
  }
  add(out);
  return out;
}

// Called with the lock held.
void Quota::add(const Reservation& reservation) {
  ++running_;
  taken_.threads += reservation.threads;
  taken_.buffers += reservation.buffers;
  taken_.pipes += reservation.pipes;
}

void Quota::give_back(const Reservation& reservation) {
  const std::lock_guard lock(mutex_);
  --running_;
  taken_.threads -= reservation.threads;
  taken_.buffers -= reservation.buffers;
  taken_.pipes -= reservation.pipes;
  if (running_ == 0) freed_.notify_all();
}

std::size_t Quota::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

bool Quota::wait_until_free(util::Nanos limit) const {
  std::unique_lock lock(mutex_);
  return freed_.wait_for(lock, std::chrono::nanoseconds(limit), [this] { return running_ == 0; });
}

}  // namespace spliced::job
