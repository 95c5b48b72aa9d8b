// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "held_target.h"
#include "spliced/util/page_buffer.h"
#include "spliced/workload/block_range.h"

namespace spliced::run {

// What may be taken at most where the job leaves the choice.
inline constexpr std::uint64_t kLargestGrant = 1ULL
                                               << 20;  // bytes; what an unprivileged user may have of a pipe (pipe(7))
struct ResourceGrant {
  std::uint64_t pipe_limit = kLargestGrant;   // bytes of a pipe
  std::uint64_t batch_limit = kLargestGrant;  // bytes of the blocks of a batch
  util::Pages payload_pages = util::Pages::small;
};

// One device of a job, ready to run: open, claimed, its range known.
struct DevicePlan {
  HeldTarget target;
  workload::BlockRange range;
  ResourceGrant grant;
};

}  // namespace spliced::run
