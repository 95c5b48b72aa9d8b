// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "spliced/run/io_spec.h"
#include "spliced/run/stage_criteria.h"
#include "spliced/util/clock.h"

namespace spliced::run {

struct ErrorPolicy {
  std::uint64_t max_errors = 0;                    // per device; one more and it is stopped, FAILED
  util::Nanos stall_timeout = 60 * util::kSecond;  // an operation that takes longer fails its device
};

// One of the workloads that a device has at the same time.
struct StreamSpec {
  std::string name;             // "" of the only one of a stage that is written as a workload
  util::Nanos start_delay = 0;  // from the start of the stage on
  IoSpec io;
};

// I/O: one stream, or several at the same time under one claim and one error policy. It ends when all of them are done.
struct StreamsSpec {
  std::vector<StreamSpec> streams{StreamSpec{}};
  util::Nanos ramp_time = 0;  // of all; see WorkloadSpec::ramp_time
  util::Nanos runtime = 0;    // after that, all of them end; 0: there is no such time
};

// Whether it is written as a workload, which has no name of its own.
[[nodiscard]] inline bool is_one_workload(const StreamsSpec& stage) {
  return stage.streams.size() == 1 && stage.streams.front().name.empty();
}

// What was written is read and checked: by a stage of the same job, which says range and order; or (`only`) by whatever
// job, in any order.
struct VerifySpec {
  std::string of;              // the name of that stage; "" with `only`
  std::uint32_t interval = 0;  // bytes; of what it writes
  bool adopt = false;          // of `only`: whose data is found
  StreamsSpec io;              // what it comes to
};

// Nothing is done for a time.
struct WaitSpec {
  util::Nanos time = 0;
};

// What looks slow in the sequential stages before it is read again; see figures/slow_zones.h. Comes last, by itself,
// where a job asks for it.
struct RereadSpec {
  double limit = 0;  // how much slower a zone is than expected, a share
  StreamsSpec io;    // how the whole range would be read
};

struct StageSpec;

// Stages that are gone through again and again.
struct RepeatSpec {
  std::uint64_t times = 1;
  std::vector<StageSpec> stages;
};

// One of the things that are done on each device, one after the other.
struct StageSpec {
  std::string name;
  std::variant<StreamsSpec, WaitSpec, RepeatSpec, VerifySpec, RereadSpec> what;
  ErrorPolicy error_policy;
  std::optional<StageCriteria> criteria = {};  // none: those of the job, as far as it does what they are about
};

// The stages of a job as they are gone through, without repeats.
using SharedStages = std::shared_ptr<const std::vector<StageSpec>>;

// The I/O of a stage, none of one that does none.
[[nodiscard]] std::span<const StreamSpec> streams_of(const StageSpec& stage);
// All I/O of it, and of the stages in it.
[[nodiscard]] std::vector<const IoSpec*> all_io_of(const StageSpec& stage);
// The first of that which writes or trims; null when none does.
[[nodiscard]] const IoSpec* first_that_destroys(const StageSpec& stage);
// At the same time; of a leaf, as streams_of().
[[nodiscard]] std::size_t workers_of(const StageSpec& stage);

// When a stream does what, from the start of its stage on.
struct StreamTimes {
  util::Nanos begins = 0;
  util::Nanos measured_from = 0;  // what ends before is of the ramp
  util::Nanos ends = 0;           // at the latest; 0: when all is done
  util::Nanos passed = 0;         // of these, before a restart
};
[[nodiscard]] StreamTimes times_of(const StreamsSpec& stage, const StreamSpec& stream);

// What is done in it, by class of operation.
[[nodiscard]] std::array<bool, util::kOpClasses> does_of(const StageSpec& stage);
// Whether a stage shows how fast a device is from place to place: one sequential workload, as fast as it goes. What is
// written to a device that does not rotate shows its cache.
[[nodiscard]] bool shows_zones(const StageSpec& stage, util::OpClass op, bool rotational);
// Whether it reads what is compared with what should be there.
[[nodiscard]] bool checks_anything(const StageSpec& stage);

// Whether its I/O goes past the page cache.
[[nodiscard]] bool is_direct(const StageSpec& stage);

}  // namespace spliced::run
