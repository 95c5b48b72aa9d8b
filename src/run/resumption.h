// SPDX-License-Identifier: Apache-2.0
// How a device goes on from a checkpoint of an earlier daemon.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data_origin.h"
#include "device_plan.h"
#include "spliced/run/checkpoint.h"
#include "spliced/run/snapshot.h"
#include "spliced/run/stage_figures.h"
#include "spliced/run/stage_spec.h"
#include "spliced/util/result.h"
#include "write_history.h"

namespace spliced::run {

struct Resumption {
  Checkpoint at;
  // Those that had ended, and then the one that goes on: what was recorded of it last, which may be later than the
  // checkpoint. No error and no miscompare is lost, and none is counted twice.
  std::vector<StageSnapshot> stages;
  std::optional<OverTime> over_time;  // none: it was not recorded
};

// What a stream changes, of which nothing is done yet.
struct SeriesParts {
  const DataOrigin& origin;
  const IoSpec& io;
  const workload::Pass& first_round;
  std::uint32_t first_pass;
  bool contested;
  StreamPlace place;
};
// Null where it changes nothing.
[[nodiscard]] WriteHistory::Series make_series(const SeriesParts& parts);
// Whether another stream of the stage changes what this one changes.
[[nodiscard]] bool is_contested(const StreamsSpec& stage, const StagePlan& plan, std::size_t stream);
// Its state at the checkpoint, of a stream of the stage that goes on.
void resume_series(WrittenSeries& series, const Resumption& from, std::size_t stream,
                   const workload::WorkloadSpec& workload);

// Whether it can be gone on from there with these stages; "" if so. It may be damaged, or of another version.
[[nodiscard]] std::string find_misfit(const Checkpoint& at, const std::vector<StageSpec>& stages,
                                      const std::vector<StagePlan>& plans);

// All of a device that went on.
struct History {
  const std::vector<StageSpec>& stages;
  const std::vector<StagePlan>& plans;
  const DataOrigin& origin;
};
// The series of the stages that had ended.
void restore(const History& of, const Checkpoint& at, WriteHistory& out);

// A place that must hold what the job wrote there, of whatever pass.
struct Witness {
  std::uint64_t offset = 0, length = 0;  // bytes
  std::shared_ptr<const verify::Image> image;
};
// The first, the middle and the last that the newest stage had done which writes; fewer where there are fewer. Empty
// where nothing was written, or it may have been trimmed since.
[[nodiscard]] std::vector<Witness> witnesses(const History& of, const Checkpoint& at);
// The first places of the stage that goes on whose writes may have been in flight: some of them may hold what the job
// wrote there, where nothing is done.
[[nodiscard]] std::vector<Witness> first_in_flight(const History& of, const Checkpoint& at);
// Whether any of them does. As check_places().
[[nodiscard]] bool holds_any(int fd, const std::vector<Witness>& places);
// Whether it holds all of them. Reads `fd`, which it may block. Errors: changed, where it does not; system, where a
// place cannot be read; exhausted, where the daemon lacks the memory for that.
[[nodiscard]] util::Status check_places(int fd, const std::vector<Witness>& places);

}  // namespace spliced::run
