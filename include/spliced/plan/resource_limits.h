// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spliced/engine/capabilities.h"

namespace spliced::plan {

// What all running jobs may take together. Bytes.
struct ResourceLimits {
  std::uint64_t buffer_bytes = 4ULL << 30;
  // A job that leaves the size of its pipes open keeps to what is left. 0: any.
  std::uint64_t pipe_bytes = engine::pipe_budget();
  std::uint64_t largest_pipe = engine::largest_pipe();
};

}  // namespace spliced::plan
