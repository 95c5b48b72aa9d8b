// SPDX-License-Identifier: Apache-2.0
#include "quota.h"

#include <fmt/format.h>

#include <algorithm>

#include "run/tuning.h"
#include "spliced/util/descriptors.h"

namespace spliced::job {

using plan::buffer_bytes;
using plan::descriptors_of;
using plan::Leaf;
using plan::leaves_of;
using plan::threads_of;
using util::Errc;
using util::fail;

namespace {

// Huge pages made no difference to blocks of 4 KiB, and a tenth to those of 16 KiB.
constexpr std::uint64_t kHugeFrom = 16 * 1024;
constexpr std::uint64_t kHugeShare = 16;  // a worker takes a whole one: no more than this part of what is left

std::uint64_t left_of(std::uint64_t all, std::uint64_t used) {
  return all - std::min(all, used);
}

}  // namespace

std::uint64_t descriptors_for_jobs() {
  const std::uint64_t limit = util::descriptor_limit();
  return limit - std::min(kOwnDescriptors, limit / 2);
}

namespace {

struct StreamReservation {
  std::uint64_t buffers = 0, pipes = 0;
  run::ResourceGrant grant;
};

// Past fs.pipe-user-pages-soft the pipes of an unprivileged user have a page or two and cannot grow (pipe(7)). A job
// gets half of what is left at most, so that the next one finds something, too; and so it is with memory for the blocks
// that pass a pipe together.
StreamReservation plan_stream(const run::IoSpec& spec, std::size_t devices, const ServiceLimits& limits,
                              std::uint64_t buffers_left, std::uint64_t pipes) {
  StreamReservation out;
  const auto directions = run::directions_of(spec);
  const std::uint64_t count = devices * spec.workload.workers * directions.size();
  if (limits.pipe_bytes != 0 && count > 0) {
    out.grant.pipe_limit = std::min(out.grant.pipe_limit, left_of(limits.pipe_bytes, pipes) / 2 / count);
  }
  const auto bytes_with = [&](const run::ResourceGrant& grant) { return buffer_bytes(spec, devices, grant); };
  while (out.grant.batch_limit > util::kPageSize && bytes_with(out.grant) > buffers_left / 2) {
    out.grant.batch_limit /= 2;
  }
  run::ResourceGrant generous = out.grant;
  generous.payload_pages = util::Pages::huge;
  if (spec.workload.bs.write >= kHugeFrom && bytes_with(generous) <= buffers_left / kHugeShare) out.grant = generous;
  out.buffers = bytes_with(out.grant);
  std::uint64_t largest = 0;
  for (const engine::Direction direction : directions) {
    for (const auto& setting : run::settings_to_try(spec, direction, out.grant)) {
      largest = std::max(largest, engine::kind_of(spec.engine).kernel_bytes(setting));
    }
  }
  // A job may ask for a pipe that it cannot have.
  out.pipes = count * std::min(largest, limits.largest_pipe);
  return out;
}

}  // namespace

Reservation plan_reservation(const JobSpec& spec, const ServiceLimits& limits, std::uint64_t buffers,
                             std::uint64_t pipes) {
  Reservation out;
  out.threads = threads_of(spec);
  for (const Leaf& leaf : leaves_of(spec)) {
    std::uint64_t stage_buffers = 0, stage_pipes = 0;
    auto& grants = out.grants.emplace_back();
    for (const auto& stream : run::streams_of(leaf.stage)) {
      const std::uint64_t left = left_of(limits.buffer_bytes, buffers + stage_buffers);
      const auto planned = plan_stream(stream.io, spec.targets.size(), limits, left, pipes + stage_pipes);
      grants.push_back(planned.grant);
      stage_buffers += planned.buffers;
      stage_pipes += planned.pipes;
    }
    out.buffers = std::max(out.buffers, stage_buffers);
    out.pipes = std::max(out.pipes, stage_pipes);
  }
  return out;
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
ServiceLimits Quota::within(std::uint64_t memory) const {
  ServiceLimits out = limits_;
  out.buffer_bytes = std::min(limits_.buffer_bytes, taken_.buffers + memory);
  const std::uint64_t pipes = std::max<std::uint64_t>(1, taken_.pipes + memory / 2);  // 0 would be: any
  out.pipe_bytes = limits_.pipe_bytes == 0 ? pipes : std::min(limits_.pipe_bytes, pipes);
  return out;
}

util::Result<Reservation> Quota::reserve(const JobSpec& spec, const std::optional<util::MemoryBound>& bound) {
  const std::lock_guard lock(mutex_);
  if (auto status = check_counts(spec); !status) return tl::unexpected(status.error());
  const std::uint64_t left = bound ? memory_left(*bound) : 0;
  Reservation out = plan_reservation(spec, bound ? within(left) : limits_, taken_.buffers, taken_.pipes);
  if (taken_.buffers + out.buffers > limits_.buffer_bytes) {
    return fail(Errc::exhausted,
                fmt::format("running jobs have {} bytes of buffers and this one needs {}; the limit is {}",
                            taken_.buffers, out.buffers, limits_.buffer_bytes));
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
