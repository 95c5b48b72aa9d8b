// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "held_target.h"
#include "spliced/util/page_buffer.h"
#include "spliced/workload/block_range.h"

namespace spliced::run {

struct Resumption;

// What may be taken at most where the job leaves the choice.
inline constexpr std::uint64_t kLargestGrant = 1ULL
                                               << 20;  // bytes; what an unprivileged user may have of a pipe (pipe(7))
struct ResourceGrant {
  std::uint64_t pipe_limit = kLargestGrant;   // bytes of a pipe
  std::uint64_t batch_limit = kLargestGrant;  // bytes of the blocks of a batch
  util::Pages payload_pages = util::Pages::small;
};

// What of a device one stream works on, and with what.
struct StreamPlan {
  workload::BlockRange range;
  ResourceGrant grant;
};

// Of one stage: by its streams; nothing of one that does no I/O.
struct StagePlan {
  std::vector<StreamPlan> streams;
  [[nodiscard]] workload::BlockRange range() const;  // see whole_of()
};

[[nodiscard]] std::vector<workload::BlockRange> ranges_of(const std::vector<StagePlan>& stages);

// One device of a job, ready to run: open, claimed, its ranges known.
struct DevicePlan {
  std::size_t number = 0;  // among the targets of the job
  HeldTarget target;
  std::vector<StagePlan> stages;
  std::shared_ptr<const Resumption> from = {};  // where it goes on; null: from its beginning
};

}  // namespace spliced::run
