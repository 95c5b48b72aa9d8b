// SPDX-License-Identifier: Apache-2.0
#include "spliced/plan/report.h"

#include <algorithm>

namespace spliced::plan {

bool PlanReport::accepted() const {
  return errors.empty() && std::all_of(targets.begin(), targets.end(), [](const PlanEntry& entry) {
           return entry.errors.empty() && entry.refusals.empty();
         });
}

}  // namespace spliced::plan
