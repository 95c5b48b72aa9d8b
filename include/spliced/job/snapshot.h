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
#include "spliced/job/spec.h"
#include "spliced/run/snapshot.h"
#include "spliced/workload/block_range.h"

namespace spliced::job {

enum class State : std::uint8_t { pending, running, stopping, succeeded, failed, cancelled, interrupted };
inline constexpr std::size_t kStates = 7;
inline constexpr std::array<std::string_view, kStates> kStateNames{"PENDING", "RUNNING",   "STOPPING",   "SUCCEEDED",
                                                                   "FAILED",  "CANCELLED", "INTERRUPTED"};
[[nodiscard]] constexpr bool is_final(State state) {
  return state >= State::succeeded;
}
[[nodiscard]] constexpr std::string_view state_name(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

enum class Verdict : std::uint8_t { none, pass, fail };
inline constexpr std::array<std::string_view, 3> kVerdictNames{"", "PASS", "FAIL"};

// One of a job's criteria against what was measured, so far or in all.
struct CriterionResult {
  std::string_view name;  // as in the spec; a literal
  std::uint64_t limit = 0;
  std::uint64_t measured = 0;
  bool met = true;
};

using WallTime = std::chrono::system_clock::time_point;

struct DeviceSnapshot {
  device::TargetFacts facts;
  workload::BlockRange range;
  State state = State::pending;
  Verdict verdict = Verdict::none;  // none while it runs
  std::string reason;               // why it has no PASS, "" otherwise
  std::vector<CriterionResult> criteria;
  double progress = 0;                // 0 to 1
  std::optional<double> eta_seconds;  // unknown before anything was moved
  std::array<run::OpSnapshot, util::kOpClasses> ops;
  run::EngineTotals engine;
  std::optional<double> cpu_wait_seconds;  // see DeviceTotals
  run::EngineState engine_state;
  std::array<bool, util::kOpClasses> asked_for{};  // what the job is to do
  std::vector<run::TuningSnapshot> tuning;         // of the directions that the job moves data in
  std::vector<run::ErrorEntry> errors;
  std::uint64_t errors_omitted = 0;              // errors of kinds and places beyond those that are kept
  std::uint64_t safety_read_bytes = 0;           // read from the device by the checks before the job
  std::optional<device::KernelCounters> kernel;  // what the kernel counted for the device during the run
};

struct JobSnapshot {
  std::string id;
  std::uint64_t sequence = 0;  // jobs are in this order, whatever the clock on the wall did
  JobSpec spec;
  State state = State::pending;
  Verdict verdict = Verdict::none;
  std::string reason;
  WallTime created_at;
  std::string created_by;  // access::Principal::name; "" of a job that an earlier version recorded
  std::optional<WallTime> started_at;
  std::optional<WallTime> ended_at;
  std::optional<util::Nanos> elapsed;  // since it started, until it ended, by the monotonic clock
  std::vector<DeviceSnapshot> devices;
};

// A text that is made as it is read: appends the next piece, kPieceBytes at most, and returns whether there is more.
// Throws std::runtime_error when it cannot be read on. May block on the state directory. One call at a time.
using Pieces = std::function<bool(std::string&)>;
inline constexpr std::size_t kPieceBytes = 256 * 1024;

// A job to be shown, which may be too large to be held in memory as a whole: its devices come one at a time.
struct JobView {
  JobSnapshot head;  // without devices
  std::size_t devices = 0;
  std::function<DeviceSnapshot(std::size_t)> device;  // from any thread; takes a while with many workers
  // Set: the job ended some time ago, and this is its document as it was stored. `head` has what the columns of the
  // store know then, and `devices` is 0.
  Pieces stored;
};
[[nodiscard]] JobView view_of(JobSnapshot whole);

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
  bool destroys = false;  // writes or trims, and is not yet on record as ended
};
inline constexpr std::size_t kListedNames = 16;
inline constexpr std::size_t kListedBytes = 1024;
// The first of `names`, as many as a summary has room for: up to kListedNames, and no more than kListedBytes
// together.
[[nodiscard]] std::vector<std::string> listed(const std::vector<std::string>& names);

// What validating a job says of one target.
struct PlanEntry {
  device::TargetFacts facts;
  workload::BlockRange range;
  std::optional<double> estimated_seconds;
  std::vector<util::FieldError> errors;
  std::vector<device::Refusal> refusals;
};
struct PlanReport {
  std::vector<PlanEntry> targets;
  std::vector<util::FieldError> errors;  // of the spec as a whole
  [[nodiscard]] bool accepted() const;
};

// A disk or a target as the daemon sees it.
struct DeviceStatus {
  device::TargetFacts facts;
  bool read_only = false;
  std::vector<std::string> refusals;  // why it may not be written; empty: it may
  std::string job;                    // the job that holds it, "" for none
};

// For the scrape.
enum class DeviceActivity : std::uint8_t { idle, running, stopping, stalled, failed };
inline constexpr std::array<std::string_view, 5> kActivityNames{"idle", "running", "stopping", "stalled", "failed"};

struct DeviceTelemetry {
  device::TargetFacts facts;
  bool gone = false;         // nothing is at its place any more; the facts are the last that were known
  run::DeviceTotals totals;  // since it has been listed
  DeviceActivity activity = DeviceActivity::idle;
  std::uint64_t inflight = 0;
  double oldest_inflight_seconds = 0;
  std::optional<WallTime> last_completion;
  run::EngineState engine_state;
  double progress = 0;
  double bytes_per_second = 0, operations_per_second = 0;  // of the run, as its DeviceSnapshot says
  std::string job_id, job_name;                            // of the running job, "" for none
  Verdict last_verdict = Verdict::none;                    // of the last run that ended since it has been listed
  std::optional<WallTime> last_end;                        // of that
};

// What was counted for devices that are no longer listed.
struct DepartedTotals {
  std::uint64_t bytes = 0, operations = 0, errors = 0;
};

struct Telemetry {
  std::vector<DeviceTelemetry>
      devices;  // those that run, or have lately, and the machine's own; see DeviceTotalsRegistry
  DepartedTotals departed;
  std::array<std::uint64_t, kStates> jobs{};                     // known jobs by state
  std::array<std::array<std::uint64_t, 3>, kStates> finished{};  // ended since the start, by state and verdict
};

}  // namespace spliced::job
