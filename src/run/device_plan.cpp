// SPDX-License-Identifier: Apache-2.0
#include "device_plan.h"

#include "spliced/run/snapshot.h"

namespace spliced::run {

workload::BlockRange StagePlan::range() const {
  std::vector<workload::BlockRange> all;
  for (const StreamPlan& stream : streams) all.push_back(stream.range);
  return whole_of(all);
}

std::vector<workload::BlockRange> ranges_of(const std::vector<StagePlan>& stages) {
  std::vector<workload::BlockRange> out;
  for (const StagePlan& stage : stages) out.push_back(stage.range());
  return out;
}

}  // namespace spliced::run
