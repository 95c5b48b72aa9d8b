// SPDX-License-Identifier: Apache-2.0
// What a job takes of the machine.
#pragma once
#include <cstddef>
#include <cstdint>

#include "run/device_plan.h"
#include "spliced/plan/spec.h"

namespace spliced::plan {

// The most that the buffers of some I/O take, on so many devices, bytes.
[[nodiscard]] std::uint64_t buffer_bytes(const run::IoSpec& spec, std::size_t devices, const run::ResourceGrant& grant);

// The descriptors of each of a job's devices, which has a table of its own for them.
[[nodiscard]] std::uint64_t descriptors_of(const JobSpec& spec);
// The workers of a job: of the stage that has most of them.
[[nodiscard]] std::size_t threads_of(const JobSpec& spec);

}  // namespace spliced::plan
