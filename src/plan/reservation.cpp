// SPDX-License-Identifier: Apache-2.0
#include "reservation.h"

#include <algorithm>

#include "needs.h"
#include "run/tuning.h"

namespace spliced::plan {
namespace {

// Huge pages made no difference to blocks of 4 KiB, and a tenth to those of 16 KiB.
constexpr std::uint64_t kHugeFrom = 16 * 1024;
constexpr std::uint64_t kHugeShare = 16;  // a worker takes a whole one: no more than this part of what is left

std::uint64_t left_of(std::uint64_t all, std::uint64_t used) {
  return all - std::min(all, used);
}

struct StreamReservation {
  std::uint64_t buffers = 0, pipes = 0;
  run::ResourceGrant grant;
};

// Past fs.pipe-user-pages-soft the pipes of an unprivileged user have a page or two and cannot grow (pipe(7)). A job
// gets half of what is left at most, so that the next one finds something, too; and so it is with memory for the blocks
// that pass a pipe together.
StreamReservation plan_stream(const run::IoSpec& spec, std::size_t devices, const ResourceLimits& limits,
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

Reservation plan_reservation(const JobSpec& spec, const ResourceLimits& limits, std::uint64_t buffers,
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

}  // namespace spliced::plan
