// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spliced/util/clock.h"
#include "spliced/workload/block_range.h"
#include "spliced/workload/spec.h"

namespace spliced::workload {

// When each block is due. The schedule is fixed at the start ("open loop"): a stall does not move it, so the latency of
// what was due meanwhile counts from when it was due (no coordinated omission). A rate is the device's: a block is due
// at the same time whichever worker comes to do it. Belongs to one thread.
class Pacer {
 public:
  // The block at position `first` is due at `start`.
  Pacer(const WorkloadSpec& spec, const BlockRange& range, util::Nanos start, std::uint64_t first = 0);

  // Whether a rate is set; if not, due() is meaningless.
  [[nodiscard]] bool paced() const { return paced_; }
  // When the block at `position`, which `op` is for, is due; not before `first`. Of a mix, a rate of one of its ways
  // goes by its share of all blocks before, and not by how many of them were its own: nobody has counted them.
  [[nodiscard]] util::Nanos due(std::uint64_t position, util::Op op) const;
  // The job itself wants a pause of this worker until `until`, from `now` on, before the block at `position`: what
  // would be due in it is due after it, and so is the rest. What was due before was late already, and stays so.
  void pause(util::Nanos now, util::Nanos until, std::uint64_t position, util::Op op);
  // All that is still to come is due later by that.
  void move(util::Nanos by) { start_ += by; }

 private:
  __extension__ using Wide = unsigned __int128;
  [[nodiscard]] Wide bytes_before(std::uint64_t position) const;

  bool paced_;
  bool mixed_;
  bool sizes_;  // of reads and writes differ
  RateLimit rate_, rate_iops_;
  unsigned read_percent_;
  PerOp bs_;
  BlockRange range_;
  std::uint64_t round_bytes_;
  std::uint64_t count_;  // requests of a round
  std::uint64_t first_;
  util::Nanos start_;
};

}  // namespace spliced::workload
