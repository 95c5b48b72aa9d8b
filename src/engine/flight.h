// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

#include "spliced/engine/engine.h"

namespace spliced::engine {

// What an engine with one call at a time has in the kernel. Written by its thread, read by any.
struct alignas(64) Flight {
  std::atomic<util::Nanos> since{0};  // see InFlight
  [[nodiscard]] InFlight read() const {
    const util::Nanos begun = since.load(std::memory_order_relaxed);
    return {begun != 0 ? 1U : 0U, begun};
  }
};

}  // namespace spliced::engine
