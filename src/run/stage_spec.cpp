// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/stage_spec.h"

#include <algorithm>
#include <numeric>

namespace spliced::run {

using util::Nanos;

std::span<const StreamSpec> streams_of(const StageSpec& stage) {
  const auto* io = std::get_if<StreamsSpec>(&stage.what);
  return io == nullptr ? std::span<const StreamSpec>{} : io->streams;
}

bool destroys(const StageSpec& stage) {
  if (const auto* again = std::get_if<RepeatSpec>(&stage.what)) {
    return std::any_of(again->stages.begin(), again->stages.end(), [](const StageSpec& one) { return destroys(one); });
  }
  const auto streams = streams_of(stage);
  return std::any_of(streams.begin(), streams.end(),
                     [](const StreamSpec& stream) { return workload::destroys(stream.io.workload.rw); });
}

std::size_t workers_of(const StageSpec& stage) {
  const auto streams = streams_of(stage);
  return std::accumulate(streams.begin(), streams.end(), std::size_t{0},
                         [](std::size_t sum, const StreamSpec& one) { return sum + one.io.workload.workers; });
}

StreamTimes times_of(const StreamsSpec& stage, const StreamSpec& stream) {
  const workload::WorkloadSpec& w = stream.io.workload;
  StreamTimes out{stream.start_delay, std::max(stream.start_delay + w.ramp_time, stage.ramp_time), 0};
  if (w.runtime != 0) out.ends = out.measured_from + w.runtime;
  if (stage.runtime != 0) {
    const Nanos all = stage.ramp_time + stage.runtime;
    out.ends = out.ends == 0 ? all : std::min(out.ends, all);
  }
  return out;
}

}  // namespace spliced::run
