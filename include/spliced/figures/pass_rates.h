// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "spliced/figures/bands.h"

namespace spliced::figures {

// How fast each band was in the last two passes over a range, in whichever stages these were. An ordinary value.
struct PassRates {
  BandGrid grid;
  // Bytes per second, of each band the last time and the one before; 0 where there was none.
  std::vector<float> last, before;

  // What a stage came to. A band that it did not reach keeps what it had. Of a larger range, those of the one before
  // are forgotten; of a smaller one it is left out.
  void add(const BandTable& table);
  [[nodiscard]] std::size_t known() const;  // bands that have a rate
  [[nodiscard]] bool twice() const;         // all of them have two
  [[nodiscard]] std::vector<float> best() const;
};

}  // namespace spliced::figures
