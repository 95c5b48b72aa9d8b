// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "spliced/figures/bands.h"

namespace spliced::figures {

// How fast each band was in the last two passes over a range, in whichever stages these were. An ordinary value.
struct PassRates {
  BandGrid grid;
  // Bytes per second, newest pass first; 0 where a band was not reached. Empty: there was none.
  std::vector<float> last, before;

  // What a stage came to. Of another range: those of the range before are forgotten.
  void add(const BandTable& table);
  [[nodiscard]] std::size_t passes() const { return (last.empty() ? 0U : 1U) + (before.empty() ? 0U : 1U); }
  [[nodiscard]] std::vector<float> best() const;
};

}  // namespace spliced::figures
