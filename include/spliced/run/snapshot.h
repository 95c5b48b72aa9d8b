// SPDX-License-Identifier: Apache-2.0
// What is shown of I/O that runs or ran: plain values, copied out of the running machinery.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/device/target.h"
#include "spliced/run/evidence.h"
#include "spliced/run/totals.h"
#include "spliced/workload/block_range.h"

namespace spliced::run {

// Of jobs, of their devices, and of the stages of these.
enum class State : std::uint8_t {
  queued,  // waits for its turn, or for what it is to go on with
  pending,
  running,
  paused,
  stopping,
  succeeded,
  failed,
  cancelled,
  interrupted
};
inline constexpr std::size_t kStates = 9;
inline constexpr std::array<std::string_view, kStates> kStateNames{
    "QUEUED", "PENDING", "RUNNING", "PAUSED", "STOPPING", "SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED"};
[[nodiscard]] constexpr bool is_final(State state) {
  return state >= State::succeeded;
}
[[nodiscard]] constexpr std::string_view state_name(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

using util::WallTime;

struct ErrorEntry {
  util::Op op = util::Op::read;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string error;  // errno name, or "EOF" where the target ended without one
  std::uint64_t count = 0;
  std::string message;
};

struct LatencySummary {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0;  // seconds
  std::optional<double> p9999, p99999, p999999;          // none: of a job that an earlier version recorded
  double max = 0;
};
[[nodiscard]] LatencySummary summarize(const workload::Histogram& histogram);

struct OpSnapshot {
  std::uint64_t bytes = 0, operations = 0, errors = 0;
  double bytes_per_second = 0, operations_per_second = 0;  // over the last second; over the whole run once it ended
  LatencySummary latency;
  std::uint64_t across_pause = 0;  // operations during which the daemon did not run; they are in no latency
  std::uint64_t across_flush = 0;  // likewise, those that met a FLUSH for a checkpoint
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

// What one stage of a device did, or one of its streams, or all of them together: after the ramp time, but for errors
// and the engine, which are of all the time.
struct StageSnapshot {
  std::string name;  // "" of all
  workload::BlockRange range;
  State state = State::pending;
  std::string reason;                 // why it did not succeed, "" otherwise
  double progress = 0;                // 0 to 1
  std::optional<double> eta_seconds;  // unknown before anything was moved
  bool ramping = false;               // nothing is counted yet
  std::array<OpSnapshot, util::kOpClasses> ops;
  std::uint64_t host_errors = 0;  // of the errors, those of the daemon's own means
  EngineTotals engine;
  std::optional<double> cpu_wait_seconds;  // see DeviceTotals
  EngineState engine_state;
  std::array<bool, util::kOpClasses> asked_for{};  // what is to be done
  std::vector<TuningSnapshot> tuning;              // of the directions that data is moved in
  VerifySnapshot verify;
  std::vector<ErrorEntry> errors;
  std::uint64_t errors_omitted = 0;    // errors of kinds and places beyond those that are kept
  std::vector<StageSnapshot> streams;  // where there are several, and with full detail
  StageEvidence evidence;              // of a stage, with full detail
};

struct NamedEvidence {
  std::string stage;
  StageEvidence what;
};

struct DeviceSnapshot : StageSnapshot {
  device::TargetFacts facts;
  std::vector<StageSnapshot> stages;             // in order, those that have not begun, too
  std::vector<NamedEvidence> shown;              // of the stages that have begun
  ZoneReport zones;                              // as far as it is known
  std::string idle_stage;                        // one that succeeded and moved nothing, though it was to; "" for none
  std::string unchecked_stage;                   // likewise, that checked nothing
  bool begun = true;                             // false: it has only waited so far
  bool unmeasured = false;                       // what it did says nothing of the device
  bool host_untrusted = false;                   // a fault of this host was proven, on whatever device
  std::uint64_t safety_read_bytes = 0;           // read from the device by the checks before the job
  std::optional<device::KernelCounters> kernel;  // what the kernel counted for the device during the run
};
// What a stage, a stream or a whole device takes of the memory besides the object itself, bytes; roughly.
[[nodiscard]] std::size_t memory_behind(const StageSnapshot& stage);
// What was recorded of a device while it ran, after the end of its job in that state: so ended what had begun.
void settle(DeviceSnapshot& device, State job);
// From the first byte of all ranges to the last; in blocks of the first that is not empty.
[[nodiscard]] workload::BlockRange whole_of(const std::vector<workload::BlockRange>& ranges);
// How much of it is wanted. Percentiles of many workers take their time.
enum class Detail : std::uint8_t { counts, all };

// For the scrape.
enum class Activity : std::uint8_t { idle, running, paused, stopping, stalled, failed };
inline constexpr std::array<std::string_view, 6> kActivityNames{"idle",     "running", "paused",
                                                                "stopping", "stalled", "failed"};
struct RunTelemetry {
  Activity activity = Activity::idle;
  std::uint64_t inflight = 0;
  double oldest_inflight_seconds = 0;
  std::optional<double> checkpoint_age;    // seconds since the last one of the run
  std::uint64_t indeterminate_ranges = 0;  // see VerifySnapshot
  std::optional<WallTime> last_completion;
  EngineState engine_state;
  double progress = 0;
  double bytes_per_second = 0, operations_per_second = 0;  // of the run, as its DeviceSnapshot says
  std::string job_id, job_name;                            // of the running job, "" for none
};

}  // namespace spliced::run
