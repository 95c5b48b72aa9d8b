// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/io_spec.h"

#include <algorithm>

namespace spliced::run {

engine::Load load_of(const IoSpec& spec, engine::Direction direction) {
  const auto& w = spec.workload;
  return {direction == engine::Direction::read ? w.bs.read : w.bs.write, w.thinktime != 0 || workload::paced(w)};
}

std::vector<engine::Direction> directions_of(const IoSpec& spec) {
  std::vector<engine::Direction> out;
  if (workload::reads(spec.workload)) out.push_back(engine::Direction::read);
  if (workload::writes(spec.workload.rw)) out.push_back(engine::Direction::write);
  return out;
}

std::size_t read_buffer_bytes(const IoSpec& spec) {
  const std::size_t block = spec.workload.bs.read;
  return checks_reads(spec) ? block : engine::kind_of(spec.engine).read_buffer(block);
}

std::uint64_t default_distance(std::uint64_t range) {
  return std::max(workload::kLeastDistance, range / 100);
}

}  // namespace spliced::run
