// SPDX-License-Identifier: Apache-2.0
#include "checkpoint.h"

#include <algorithm>

namespace spliced::run {

// The share holds at the end of the next one, should that take as long as this one did: the first came when nothing was
// known of what it takes.
void CheckpointPace::flushed(util::Nanos began, util::Nanos ended) {
  const util::Nanos took = ended - began;
  flushing_ += took;
  const util::Nanos by_share = start_ + kShare * (flushing_ + took) - took;
  const util::Nanos soonest = ended + std::max(kInterval, kShare * took);
  next_ = std::min(std::max(soonest, by_share), ended + kLongest);
}

}  // namespace spliced::run
