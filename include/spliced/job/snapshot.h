// SPDX-License-Identifier: Apache-2.0
// What is shown of jobs and devices: plain values, copied out of the running machinery.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/device/target.h"
#include "spliced/engine/kind.h"
#include "spliced/plan/spec.h"
#include "spliced/run/snapshot.h"
#include "spliced/run/stage_figures.h"
#include "spliced/totals/overview.h"
#include "spliced/totals/telemetry.h"
#include "spliced/util/result.h"
#include "spliced/verdict/verdict.h"

namespace spliced::job {

using plan::Criteria;
using plan::JobSpec;
using run::is_final;
using run::kStateNames;
using run::kStates;
using run::State;
using run::state_name;
using totals::DeviceStatus;
using verdict::CriterionResult;
using verdict::DeviceEnd;
using verdict::DeviceSnapshot;
using verdict::kVerdictNames;
using verdict::Verdict;
using WallTime = run::WallTime;

// A time in which the daemon was not there, or not yet back at a job.
struct Interruption {
  WallTime from;                  // the last that was recorded before
  std::optional<WallTime> until;  // when the first device went on; none: it has not
  bool paused = false;            // the job was
};

struct JobSnapshot {
  std::string id;
  std::uint64_t sequence = 0;  // jobs are in this order, whatever the clock on the wall did
  std::string run_id;          // 16 random bytes, written as a UUID is; "" of a job that an earlier version recorded
  JobSpec spec;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  WallTime created_at;
  std::string created_by;  // access::Principal::name; "" of a job that an earlier version recorded
  std::optional<WallTime> started_at;
  std::optional<WallTime> ended_at;
  // Since it started, until it ended, by the monotonic clock; without interruptions.
  std::optional<util::Nanos> elapsed;
  std::vector<Interruption> interruptions = {};  // oldest first
  std::size_t queue_position = 0;                // see JobSummary
  // Since when the state directory has taken no checkpoints: after a crash, what was done since would be repeated.
  std::optional<WallTime> repeat_from = {};
  std::vector<DeviceSnapshot> devices;
};

// A job to be shown, which may be too large to be held in memory as a whole: its devices come one at a time.
struct JobView {
  JobSnapshot head;  // without devices
  std::size_t devices = 0;
  // From any thread; takes a while with many workers. Throws std::runtime_error where it is to be read from the store
  // and cannot be.
  std::function<DeviceSnapshot(std::size_t)> device;
  // The large figures of a stage of a device, and those over its time, likewise; none where nobody kept them.
  std::function<std::optional<run::StageFigures>(std::size_t device, std::size_t stage)> figures = {};
  std::function<std::optional<run::OverTime>(std::size_t device)> over_time = {};
};
[[nodiscard]] JobView view_of(JobSnapshot whole);
// A job that nobody goes on with: what had begun has ended so, and is judged by what it showed until then. Throws as
// JobView::device() does.
[[nodiscard]] JobSnapshot interrupted(const JobView& view);
// Error: unavailable, where a device cannot be read from the store.
[[nodiscard]] util::Result<JobSnapshot> whole(const JobView& view);

// What a list tells of a job. Bounded, whatever the job.
struct JobSummary {
  std::string id, name;
  std::uint64_t sequence = 0;  // see JobSnapshot
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  WallTime created_at;
  std::string created_by;  // see JobSnapshot
  std::optional<WallTime> started_at, ended_at;
  // Unknown of jobs that a version recorded which did not keep them.
  std::optional<bool> destructive;
  std::optional<double> progress;       // 0 to 1, the mean of the devices
  std::optional<std::uint64_t> errors;  // failed operations
  std::vector<std::string> targets;     // the first ones, as they were given; see listed()
  std::size_t target_count = 0;
  std::vector<std::string> devices;  // likewise, kernel names or paths
  std::size_t device_count = 0;
  bool destroys = false;           // writes or trims, and is not yet on record as ended
  std::size_t queue_position = 0;  // of one that is QUEUED, from 1 on; 0: it does not wait
};
inline constexpr std::size_t kListedNames = 16;
inline constexpr std::size_t kListedBytes = 1024;
// The first of `names`, as many as a summary has room for: up to kListedNames, and no more than kListedBytes
// together.
[[nodiscard]] std::vector<std::string> listed(const std::vector<std::string>& names);

// How many jobs came to which end, by state and verdict.
using EndCounts = std::array<std::array<std::uint64_t, kVerdictNames.size()>, kStates>;

// For the scrape.
struct Telemetry {
  // Those that run, or have lately, and the machine's own; see DeviceTotalsRegistry.
  std::vector<totals::DeviceTelemetry> devices;
  totals::DepartedTotals departed;
  std::array<std::uint64_t, kStates> jobs{};  // known jobs by state
  EndCounts finished{};                       // since the start
};

}  // namespace spliced::job
