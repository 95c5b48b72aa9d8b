// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/pass_rates.h"

#include <algorithm>

namespace spliced::figures {

void PassRates::add(const BandTable& table) {
  if (table.grid != grid) *this = {table.grid, {}, {}};
  before = table.before.empty() ? std::move(last) : table.before;
  last = table.last;
}

std::vector<float> PassRates::best() const {
  std::vector<float> out = last;
  for (std::size_t i = 0; i < before.size() && i < out.size(); ++i) out[i] = std::max(out[i], before[i]);
  return out;
}

}  // namespace spliced::figures
