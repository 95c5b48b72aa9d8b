// SPDX-License-Identifier: Apache-2.0
// What a stage showed that a verdict is made of. Plain values, small ones: they are kept and copied for every stage.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spliced/figures/steady.h"
#include "spliced/run/stage_criteria.h"
#include "spliced/util/clock.h"
#include "spliced/util/op.h"
#include "spliced/workload/block_range.h"

namespace spliced::run {

// What one of a stage's criteria came to.
struct StageMeasure {
  std::string name;       // as its place in `criteria`: "latency.read.p99.9", "min_rate.write"
  bool at_least = false;  // else at most
  double limit = 0;       // seconds; bytes per second
  std::optional<double> value;
  std::string missing;  // why there is none, "" otherwise
};

// How a stage with `until` came to be steady, or not.
struct SteadyResult {
  std::string of;  // what was followed: "iops", "rate", "latency", "p99"
  bool steady = false;
  std::vector<double> rounds;  // what was measured in each, oldest first
  figures::SteadyWindow window;
  std::optional<double> left;  // with `hold`: seconds after the start of the stage at which it was steady no more
};

struct StageEvidence {
  workload::BlockRange range;
  util::Nanos measured = 0;         // for how long it was counted, without ramp and pauses
  bool done = false;                // it succeeded
  bool changes = false;             // it writes or trims
  bool checks = false;              // it compares what it reads with what should be there
  std::uint64_t judged_bytes = 0;   // of the range, judged right after they were last written, each counted once
  std::uint64_t visited_bytes = 0;  // of the range, read without an error, each counted once; 0 where that is not known
  std::array<double, util::kOpClasses> rates{};  // bytes per second, the mean of one that is done; 0 where it was paced
  std::vector<StageMeasure> measures;
  std::optional<SteadyResult> steady;
};

// Where a device is slower than the rest of it lets one expect, in sequential stages; see figures/slow_zones.h.
struct SlowZone {
  util::OpClass op = util::OpClass::read;
  std::uint64_t offset = 0, length = 0;       // bytes
  double bytes_per_second = 0, expected = 0;  // means over it
};
struct ZoneReport {
  std::optional<double> worst;  // how much slower the slowest two bands in a row are, as a share; none: not known
  std::string missing;          // why not, "" otherwise
  std::vector<SlowZone> zones;
};

}  // namespace spliced::run
