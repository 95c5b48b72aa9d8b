// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/snapshot.h"

#include <algorithm>

namespace spliced::run {

LatencySummary summarize(const workload::Histogram& histogram) {
  const auto at = [&histogram](double quantile) { return histogram.quantile_seconds(quantile); };
  return {histogram.mean_seconds(), at(0.5), at(0.9), at(0.99), at(0.999), at(0.9999), at(0.99999), at(0.999999),
          histogram.max_seconds()};
}

workload::BlockRange whole_of(const std::vector<workload::BlockRange>& ranges) {
  workload::BlockRange out;
  std::uint64_t end = 0;
  for (const workload::BlockRange& range : ranges) {
    if (range.size == 0) continue;
    if (end == 0) out = range;
    out.offset = std::min(out.offset, range.offset);
    end = std::max(end, range.offset + range.size);
  }
  out.size = end - out.offset;
  return out;
}

namespace {

std::size_t memory_behind(const Miscompare& one) {
  std::size_t bytes = sizeof one + one.expected.capacity() + one.found.capacity();
  bytes += one.damage.sectors.capacity() * sizeof(verify::SectorDamage);
  for (const Reread& again : one.rereads) bytes += sizeof again + again.way.capacity() + again.result.capacity();
  return bytes;
}

}  // namespace

std::size_t memory_behind(const StageSnapshot& stage) {
  std::size_t bytes = stage.name.capacity() + stage.reason.capacity();
  for (const auto& tuning : stage.tuning) bytes += sizeof tuning + tuning.tried.capacity() * sizeof(TriedSetting);
  for (const auto& error : stage.errors) bytes += sizeof error + error.message.capacity();
  for (const auto& one : stage.verify.miscompares) bytes += memory_behind(one);
  for (const auto& stream : stage.streams) bytes += sizeof stream + memory_behind(stream);
  return bytes;
}

void settle(DeviceSnapshot& device, State job) {
  const auto end = [job](StageSnapshot& one) {
    if (is_final(one.state)) return;
    one.state = job;
    one.eta_seconds.reset();
  };
  const auto end_begun = [&end](StageSnapshot& one) {
    if (one.state != State::pending) end(one);
  };
  end(device);
  for (StageSnapshot& stage : device.stages) {
    end_begun(stage);
    std::for_each(stage.streams.begin(), stage.streams.end(), end_begun);
  }
}

}  // namespace spliced::run
