// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spliced/util/clock.h"
#include "spliced/workload/part.h"
#include "spliced/workload/spec.h"

namespace spliced::workload {

// When the next operation of one worker is due. The schedule is fixed at the start ("open loop"): a stall does not move
// it, so the latency of what was due meanwhile counts from when it was due (no coordinated omission).
// A device's rate is dealt out to its workers in turn, to each as much as it has to do, so that they end together.
// Belongs to one thread.
class Pacer {
 public:
  Pacer(const WorkloadSpec& spec, const Part& part, util::Nanos start);

  // Whether a rate is set; if not, due() is meaningless.
  [[nodiscard]] bool paced() const { return rate_ != 0 || rate_iops_ != 0; }
  // When the next operation is due.
  [[nodiscard]] util::Nanos due() const;
  // One operation of `bytes` was issued.
  void issued(std::uint64_t bytes) {
    ++operations_;
    bytes_ += bytes;
  }
  // The job itself wants a pause until `until`, from `now` on: what would be due in it is due after it, and so is the
  // rest. What was due before was late already, and stays so.
  void pause(util::Nanos now, util::Nanos until);

 private:
  std::uint64_t rate_;
  std::uint64_t rate_iops_;
  std::uint64_t block_;
  Part part_;
  util::Nanos start_;
  std::uint64_t operations_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace spliced::workload
