// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "spliced/store/job_store.h"

namespace spliced::store {

// A source of results holds on to the workers that it tells of; these do not.
struct KeptResults {
  std::vector<StoredDevice> devices;
  std::size_t bytes = 0;
};
using KeptResultsPtr = std::shared_ptr<const KeptResults>;
// All of them, or nothing where they take more than `limit` bytes.
[[nodiscard]] KeptResultsPtr keep_results(const DeviceSource& source,
                                          std::size_t limit = std::numeric_limits<std::size_t>::max());
[[nodiscard]] DeviceSource read_again(KeptResultsPtr results);
// A job that is in memory with its results, as what is stored of it; the spec, where it is not with them, from
// `stored`.
[[nodiscard]] std::shared_ptr<JobRecord> record_in_memory(StoredJob job, std::shared_ptr<JobRecord> stored);

}  // namespace spliced::store
