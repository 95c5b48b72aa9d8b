// SPDX-License-Identifier: Apache-2.0
// What stays in memory of a job that has ended.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/job/snapshot.h"
#include "spliced/store/job_store.h"

namespace spliced::job {

// What the store says of a job. A state that this version does not know is told as INTERRUPTED.
[[nodiscard]] JobSummary summary_of(const store::StoredJob& job);

struct Listing {
  JobSummary summary;
  std::vector<std::uint64_t> devices;  // name_key() of all of them, by which they are found
  std::string run_id;                  // these three: see JobSnapshot
  std::optional<util::Nanos> elapsed;
  std::vector<Interruption> interruptions = {};
};
// `interruptions`: what its history says.
[[nodiscard]] Listing listing_of(const store::StoredJob& job, std::vector<Interruption> interruptions = {});

// A number for the name of a device: the same for its kernel name and for its node in /dev, and as good as certainly
// another for another device.
[[nodiscard]] std::uint64_t name_key(std::string_view name);

// Operations that failed.
[[nodiscard]] std::uint64_t errors_of(const run::DeviceSnapshot& device);

// What a snapshot takes of the memory, bytes; roughly.
[[nodiscard]] std::size_t memory_of(const JobSnapshot& head, const std::vector<DeviceSnapshot>& devices);

}  // namespace spliced::job
