// SPDX-License-Identifier: Apache-2.0
// How far a device of a job has come, and what was counted until then: all that it takes to go on from there. Plain
// values.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "spliced/figures/pass_rates.h"
#include "spliced/run/totals.h"
#include "spliced/util/clock.h"
#include "spliced/workload/cursor.h"

namespace spliced::run {

// Positions from `begin` to before `end`.
struct PositionRange {
  std::uint64_t begin = 0, end = 0;
};

// What one stream changed on the device.
struct SeriesPoint {
  std::size_t stage = 0, stream = 0;
  std::uint32_t first_pass = 1;
  workload::Cursor cursor;  // of the stage that goes on: none, Checkpoint::cursors has it
  std::vector<PositionRange> doubts;
};

// What one stream of the stage that goes on was counted, after its ramp; errors are of all the time.
struct StreamPoint {
  DeviceTotals totals;
  std::uint64_t visited = 0;                      // bytes, of the ramp, too
  std::map<std::uint32_t, std::uint64_t> passes;  // see VerifySnapshot
};

// By util::OpClass: of reads and writes.
using RatesByOp = std::array<figures::PassRates, 2>;
using DamageCounts = std::map<std::pair<std::size_t, std::size_t>, std::uint64_t>;
using BandsByDirection = std::array<std::optional<figures::BandTable>, 2>;

// What is done by its cursors has reached the medium, and is in its counts. A little of what is not done may be in
// them, too: what was counted while this was made.
struct Checkpoint {
  std::size_t stage = 0;                  // which of the device's; the number of its stages: all are done
  std::vector<workload::Cursor> cursors;  // of its streams
  util::Nanos active = 0;                 // for how long the stage has run, without pauses
  util::WallTime at;                      // when all of this was so
  std::uint32_t next_pass = 1;            // the first of the stage
  std::vector<SeriesPoint> series;        // of all stages until then, in their order
  std::vector<StreamPoint> streams;       // of the stage
  BandsByDirection bands;                 // of the stage, as LiveBands::resume() takes them
  DamageCounts damage;                    // of the stage, by band and kind
  RatesByOp rates;                        // of the stages before, where slow zones are looked for
  DeviceTotals before;                    // of the stages before
  util::Nanos ramped = 0;                 // of them, the ramp times
  util::Nanos elapsed = 0;                // of the device, without pauses
};

// What of a count was recorded after a checkpoint that knows a part of it.
[[nodiscard]] constexpr std::uint64_t beyond(std::uint64_t all, std::uint64_t part) {
  return all > part ? all - part : 0;
}

}  // namespace spliced::run
