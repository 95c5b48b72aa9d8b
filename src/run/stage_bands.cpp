// SPDX-License-Identifier: Apache-2.0
#include "stage_bands.h"

#include <algorithm>

namespace spliced::run {
namespace {

constexpr std::array kOps{util::Op::read, util::Op::write};

bool has_several_passes(const StreamsSpec& spec) {
  const workload::WorkloadSpec& w = spec.streams.front().io.workload;
  return spec.streams.size() == 1 && (w.loops > 1 || w.time_based);
}

// That do it at the same time.
float workers_for(const StreamsSpec& spec, util::Op op) {
  unsigned out = 0;
  for (const StreamSpec& stream : spec.streams)
    out += workload::does(stream.io.workload, op) ? stream.io.workload.workers : 0;
  return static_cast<float>(out);
}

}  // namespace

StageBands::StageBands(const StreamsSpec& spec, const figures::BandGrid& grid) : spec_(spec), grid_(grid) {
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    if (workers_for(spec, kOps[i]) > 0)
      live_[i] = std::make_unique<figures::LiveBands>(grid_, has_several_passes(spec), workers_for(spec, kOps[i]) > 1);
  }
}

BandsByOp StageBands::live() {
  BandsByOp out{};
  for (std::size_t i = 0; i < live_.size(); ++i) out[i] = live_[i].get();
  return out;
}

void StageBands::add_damage(std::uint64_t offset, std::size_t kind) {
  if (offset - grid_.offset() < grid_.size()) damage_.add(grid_.index_of(offset), kind);
}

void StageBands::add_to(StageFigures& out) const {
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (!live_[i]) continue;
    figures::BandTable& table = out.bands[i].emplace(live_[i]->table());
    const float workers = workers_for(spec_, kOps[i]);
    for (float& rate : table.last) rate *= workers;
    for (float& rate : table.before) rate *= workers;
  }
  out.damage = damage_.counts();
}

BandsByDirection StageBands::tables() const {
  BandsByDirection out;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (live_[i]) out[i] = live_[i]->table();
  }
  return out;
}

void StageBands::resume(const BandsByDirection& tables, const DamageCounts& damage) {
  for (const auto& [place, count] : damage) {
    if (place.first < grid_.count()) damage_.add(place.first, place.second, count);
  }
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (live_[i] && tables[i]) live_[i]->resume(*tables[i]);
  }
}

}  // namespace spliced::run
