#include "budget.h"

#include <algorithm>

#include "spliced/verify/payload.h"
#include "tuning.h"

namespace spliced::job {

namespace {

// Huge pages made no difference to blocks of 4 KiB, and a tenth to those of 16 KiB.
constexpr std::uint64_t kHugeFrom = 16 * 1024;
constexpr std::uint64_t kHugeShare = 16;  // a worker takes a whole one: no more than this part of what is left

std::uint64_t left_of(std::uint64_t all, std::uint64_t used) {
  return all - std::min(all, used);
}

}  // namespace

std::uint64_t buffer_bytes(const JobSpec& spec, const Grant& grant) {
  const auto& w = spec.workload;
  const std::size_t batch = std::min(largest_batch(settings_to_try(spec, grant)), engine::kMaxBatch);
  const std::uint64_t each =
      (workload::reads(w.rw) ? util::PageBuffer::footprint(read_buffer_bytes(w.bs)) : 0) +
      (workload::writes(w.rw) ? verify::PayloadSource::footprint(w.bs, batch, grant.payload_pages) : 0);
  return spec.targets.size() * std::min(w.workers, kMaxWorkers) * each;
}

// Past fs.pipe-user-pages-soft the pipes of an unprivileged user have a page or two and cannot grow (pipe(7)). A job
// gets half of what is left at most, so that the next one finds something, too; and so it is with memory for the blocks
// that pass a pipe together.
Reservation book(const JobSpec& spec, const ServiceLimits& limits, std::uint64_t buffers, std::uint64_t pipes) {
  const auto& rw = spec.workload.rw;
  Reservation out;
  out.threads = spec.targets.size() * spec.workload.workers;
  const std::uint64_t count = out.threads * ((workload::reads(rw) ? 1 : 0) + (workload::writes(rw) ? 1 : 0));
  if (limits.pipe_bytes != 0 && count > 0) {
    out.grant.pipe_limit = std::min(out.grant.pipe_limit, left_of(limits.pipe_bytes, pipes) / 2 / count);
  }
  const std::uint64_t buffers_left = left_of(limits.buffer_bytes, buffers);
  while (out.grant.batch_limit > util::kPageSize && buffer_bytes(spec, out.grant) > buffers_left / 2) {
    out.grant.batch_limit /= 2;
  }
  Grant generous = out.grant;
  generous.payload_pages = util::Pages::huge;
  if (spec.workload.bs >= kHugeFrom && buffer_bytes(spec, generous) <= buffers_left / kHugeShare) out.grant = generous;
  out.buffers = buffer_bytes(spec, out.grant);
  std::uint64_t largest = 0;
  for (const auto& setting : settings_to_try(spec, out.grant)) {
    largest = std::max<std::uint64_t>(largest, setting.pipe_size);
  }
  // A job may ask for a pipe that it cannot have.
  out.pipes = count * std::min(largest, limits.largest_pipe);
  return out;
}

}  // namespace spliced::job
