// SPDX-License-Identifier: Apache-2.0
// A job as a client asks for it: a validated value with nothing of JSON left in it.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/run/stage_spec.h"
#include "spliced/util/result.h"

namespace spliced::plan {

using run::ErrorPolicy;

// Of stages with an `until`: `wanted` lets what was measured before it was steady decide nothing, `required` makes a
// device that never was steady INCONCLUSIVE.
enum class Steady : std::uint8_t { none, wanted, required };
inline constexpr std::array<std::string_view, 3> kSteadyNames{"none", "wanted", "required"};

// What a device must have met for a PASS, however far the job went.
struct Criteria {
  std::uint64_t max_io_errors = 0;  // operations of any kind that failed, per device
  std::optional<std::uint64_t>
      max_mismatches;  // intervals that do not hold what they should; none: 0, if any is checked
  std::optional<std::uint64_t> max_indeterminate;  // bytes that cannot be judged; none: 0, if any is checked
  // Shares, 0 to 1; none: not asked for.
  std::optional<double> min_coverage;        // of the range, judged right after its last write
  std::optional<double> max_slow_zone;       // how much slower a part may be than the rest lets one expect
  std::optional<double> max_peer_deviation;  // how much slower a disk may be than the median of its model in the job
  // These two only decide where they can be measured.
  bool slow_zone_if_measurable = false, peers_if_measurable = false;
  Steady steady = Steady::none;
  run::StageCriteria stages;  // of each stage that does what they are about, and says nothing else
};

// What becomes of a job when the daemon ends, or dies, while it runs.
enum class OnRestart : std::uint8_t { resume, interrupt };
inline constexpr std::array<std::string_view, 2> kOnRestartNames{"resume", "interrupt"};

struct JobSpec {
  std::string name;
  std::string recipe;                // that it was made from; "": none
  std::string recipe_parameters;     // with their values, as whoever made it wrote them down
  std::vector<std::string> targets;  // absolute paths
  // What is done on each device, one after the other, on each at its own pace. `engine` and `error_policy` are those of
  // the stages that do not say otherwise.
  std::vector<run::StageSpec> stages{run::StageSpec{}};
  engine::Options engine;
  ErrorPolicy error_policy;
  Criteria criteria;
  OnRestart on_restart = OnRestart::resume;
  bool queue = false;                             // waits where another job has a target, rather than being refused
  bool destructive = false;                       // the client knows that data will be lost
  std::vector<std::string> confirm;               // serial or WWN of each device that has one, where data will be lost
  bool allow_in_use = false;                      // for jobs that only read
  std::vector<std::string> overwrite_signatures;  // signatures that may be lost, by libblkid's names, or "all"
};
// Whether any stage writes or trims.
[[nodiscard]] bool destroys(const JobSpec& spec);
// Whether any checks what it reads.
[[nodiscard]] bool verifies(const JobSpec& spec);
// Fills in what stages say of one another: a verify stage reads what the stage that it names writes, and in its order.
// Once, when all is read that the client says, and before check_spec(), which tells what does not fit.
void resolve_stages(JobSpec& spec);

// A stage as it is gone through: those in a `repeat` come once in each of its rounds.
struct Leaf {
  run::StageSpec stage;   // its name in the third round of a repeat: "fill#3"
  std::string field;      // where it is defined: "stages/1/repeat/stages/0"
  std::size_t first = 0;  // the first of the same definition among all
};
// In order. Of a valid spec kMaxStages at most; of any other, as far as that.
[[nodiscard]] std::vector<Leaf> leaves_of(const JobSpec& spec);

// The stage that comes last where slow zones are looked for.
inline constexpr std::string_view kRereadName = "slow-zones";

// Limits of one job.
inline constexpr std::size_t kMaxTargets = 1024;
inline constexpr std::size_t kMaxNameLength = 128;            // characters
inline constexpr std::size_t kMaxStages = 1024;               // gone through by one device
inline constexpr std::size_t kMaxStageResults = 65'536;       // of all devices
inline constexpr unsigned kMaxWorkers = 64;                   // per device, of all streams
inline constexpr std::uint64_t kMinBlock = 512;               // bytes
inline constexpr std::uint64_t kMaxBlock = 64ULL << 20;       // bytes
inline constexpr std::uint64_t kMaxTrim = 4ULL << 30;         // bytes of a block that is trimmed
inline constexpr std::uint64_t kMaxBufferBytes = 4ULL << 30;  // buffers of all workers of a job

// Everything that is wrong with a spec whatever the machine, each with its field ("stages/0/workload/bs"). Empty:
// valid.
[[nodiscard]] std::vector<util::FieldError> check_spec(const JobSpec& spec);

}  // namespace spliced::plan
