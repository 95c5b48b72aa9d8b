// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "spliced/device/target.h"
#include "spliced/run/io_spec.h"
#include "spliced/verify/tag.h"

namespace spliced::run {

// Whose data a job writes to a device, whatever its stages.
struct DataOrigin {
  verify::RunId run{};
  std::uint64_t device = 0;
  [[nodiscard]] verify::Origin with_seed(std::uint64_t seed) const { return {run, device, seed}; }
};

// `run_id`: as it is shown. `target`: the number of the device among those of the job, from 0.
[[nodiscard]] DataOrigin data_origin(const std::string& run_id, std::size_t target, const device::DeviceInfo& info);
// What a device that has no number of its own is known by.
[[nodiscard]] std::string known_by(const std::string& run_id, std::size_t target);

// The payload of a workload's writes from `offset` on, with its interval.
[[nodiscard]] verify::Payload payload_of(const IoSpec& spec, std::uint64_t offset);

}  // namespace spliced::run
