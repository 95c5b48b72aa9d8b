// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "spliced/plan/spec.h"

namespace spliced::plan {

// Criteria that nothing in the job can measure: each would end as INCONCLUSIVE, whatever the device.
[[nodiscard]] std::vector<util::FieldError> check_criteria(const JobSpec& spec);

}  // namespace spliced::plan
