// SPDX-License-Identifier: Apache-2.0
// What a job would be on its targets.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spliced/device/target.h"
#include "spliced/util/result.h"
#include "spliced/workload/block_range.h"

namespace spliced::plan {

// What validating a job says of one target, and of each stage on it.
struct StageEntry {
  std::string name;
  workload::BlockRange range;
  std::uint64_t blocks = 0;  // of one round
  std::size_t workers = 0;   // at the same time
  std::optional<double> estimated_seconds;
  bool estimate_is_rough = false;  // by what devices of its kind usually do; else by the job's times and rates
};
struct PlanEntry {
  device::TargetFacts facts;
  std::vector<StageEntry> stages;  // none when the target is refused
  std::vector<util::FieldError> errors;
  std::vector<device::Refusal> refusals;
};
struct PlanReport {
  std::vector<PlanEntry> targets;
  std::vector<util::FieldError> errors;  // of the spec as a whole
  [[nodiscard]] bool accepted() const;
};

}  // namespace spliced::plan
