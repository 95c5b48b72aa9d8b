// SPDX-License-Identifier: Apache-2.0
#include "needs.h"

#include <algorithm>

#include "run/tuning.h"
#include "spliced/verify/write_buffers.h"

namespace spliced::plan {
namespace {

// In the table of a device: standard streams, the target, and what looking at it needs; for each worker what the
// scheduler tells of it, and what its engine opens. All of them are counted in one table: so it is where the system
// refuses a worker one of its own.
constexpr std::uint64_t kTargetDescriptors = 16;
constexpr std::uint64_t kWorkerDescriptors = 1;

}  // namespace

std::uint64_t descriptors_of(const JobSpec& spec) {
  std::uint64_t most = 0;
  for (const Leaf& leaf : leaves_of(spec)) {
    std::uint64_t sum = 0;
    for (const auto& stream : run::streams_of(leaf.stage)) {
      sum += (kWorkerDescriptors + engine::kind_of(stream.io.engine).descriptors()) * stream.io.workload.workers;
    }
    most = std::max(most, sum);
  }
  return kTargetDescriptors + most;
}

std::size_t threads_of(const JobSpec& spec) {
  std::size_t most = 0;
  for (const Leaf& leaf : leaves_of(spec)) most = std::max(most, run::workers_of(leaf.stage));
  return spec.targets.size() * most;
}

std::uint64_t buffer_bytes(const run::IoSpec& spec, std::size_t devices, const run::ResourceGrant& grant) {
  const auto& w = spec.workload;
  std::uint64_t each = 0;
  for (const engine::Direction direction : run::directions_of(spec)) {
    const std::size_t batch = run::largest_batch(run::settings_to_try(spec, direction, grant));
    each += direction == engine::Direction::read
                ? util::PageBuffer::footprint(run::read_buffer_bytes(spec) * run::read_buffers(spec, batch))
                : verify::WriteBuffers::footprint(w.bs.write, batch, grant.payload_pages);
  }
  return devices * std::min(w.workers, kMaxWorkers) * each;
}

}  // namespace spliced::plan
