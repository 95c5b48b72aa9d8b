// SPDX-License-Identifier: Apache-2.0
// The large figures of a stage: what its verdict was made of, and what a report draws. Plain values, some ten
// kilobytes.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "spliced/figures/bands.h"
#include "spliced/figures/series.h"
#include "spliced/util/clock.h"
#include "spliced/util/op.h"
#include "spliced/workload/histogram.h"

namespace spliced::run {

struct StageFigures {
  std::string stage;  // its name
  // Of reads and writes, by util::OpClass, where the stage does them. Rates are those of the device: of all workers.
  std::array<std::optional<figures::BandTable>, 2> bands;
  // How many miscompares by band and kind (verify::Kind).
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> damage;
  std::array<workload::Histogram, util::kOpClasses> latency;
};

// A device over the time of its job, whichever stages there were.
struct OverTime {
  util::WallTime began;  // its first point
  figures::Series series;
};

}  // namespace spliced::run
