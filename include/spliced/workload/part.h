// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace spliced::workload {

// What one of several workers does of all that is done, in any unit: `part` of `whole`, with `before` for the workers
// before it. A worker whose part is 0 does nothing.
struct Part {
  std::uint64_t part = 1, before = 0, whole = 1;
};

}  // namespace spliced::workload
