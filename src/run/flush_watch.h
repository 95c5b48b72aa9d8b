// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <limits>

#include "spliced/util/clock.h"

namespace spliced::run {

// When a device was last made to write its cache back for a checkpoint of ours: what was under way meanwhile took as
// long as it did because of that, which is not the disk's doing. One thread writes.
class FlushWatch {
 public:
  void begin(util::Nanos now) {
    began_.store(now, std::memory_order_relaxed);
    ended_.store(std::numeric_limits<util::Nanos>::max(), std::memory_order_release);
  }
  void end(util::Nanos now) { ended_.store(now, std::memory_order_release); }

  // The rest from any thread. Since when one has been under way; 0: none is.
  [[nodiscard]] util::Nanos since() const {
    const bool under_way = ended_.load(std::memory_order_acquire) == std::numeric_limits<util::Nanos>::max();
    return under_way ? began_.load(std::memory_order_relaxed) : 0;
  }
  // Whether something that began then may have met the last one: to be asked before spans().
  [[nodiscard]] bool may_span(util::Nanos from) const { return from < ended_.load(std::memory_order_acquire); }
  [[nodiscard]] bool spans(util::Nanos from, util::Nanos to) const {
    return may_span(from) && to > began_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<util::Nanos> began_{0}, ended_{0};
};

}  // namespace spliced::run
