// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "spliced/run/stage_spec.h"
#include "spliced/util/result.h"

namespace spliced::plan {

// What is wrong with some I/O, whatever the machine, each with its field ("workload/bs", "engine/batch"). `times`: when
// it is done; `devices`: how many it is done on.
[[nodiscard]] std::vector<util::FieldError> check_io(const run::IoSpec& spec, const run::StreamTimes& times,
                                                     std::size_t devices);
// What is wrong with an interval between headers, 0 for the default, by its field "interval".
[[nodiscard]] std::vector<util::FieldError> check_interval(std::uint64_t interval,
                                                           const workload::WorkloadSpec& workload);

}  // namespace spliced::plan
