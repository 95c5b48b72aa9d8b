// SPDX-License-Identifier: Apache-2.0
// What is shown of I/O that runs or ran: plain values, copied out of the running machinery.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/run/totals.h"

namespace spliced::run {

struct ErrorEntry {
  util::Op op = util::Op::read;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string error;  // errno name, or "EOF" where the target ended without one
  std::uint64_t count = 0;
  std::string message;
};

struct LatencySummary {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;  // seconds
};
[[nodiscard]] LatencySummary summarize(const workload::Histogram& histogram);

struct OpSnapshot {
  std::uint64_t bytes = 0, operations = 0, errors = 0;
  double bytes_per_second = 0, operations_per_second = 0;  // over the last second; over the whole run once it ended
  LatencySummary latency;
  std::uint64_t across_pause = 0;  // operations during which the daemon did not run; they are in no latency
};

// Why a direction is driven with the settings that it has.
enum class TuningSource : std::uint8_t {
  untried,      // not measured yet; or the job ended before it was
  job,          // the job says so
  only_choice,  // nothing else would make sense
  measured,    // of those that were tried at the start of this job, the fastest that beat the first by more than chance
  remembered,  // measured by an earlier job of the same kind on the same device
  inconclusive,  // measured for as long as is worth it: the device is too slow or fails too often to tell
};
inline constexpr std::array<std::string_view, 6> kTuningSourceNames{"untried",  "job",        "only_choice",
                                                                    "measured", "remembered", "inconclusive"};

struct TriedSetting {
  engine::Setting setting;
  double bytes_per_second = 0;  // of one worker, while it was tried
};
struct TuningSnapshot {
  engine::Direction direction = engine::Direction::read;
  engine::Setting setting;
  TuningSource source = TuningSource::untried;
  std::vector<TriedSetting> tried;
};

}  // namespace spliced::run
