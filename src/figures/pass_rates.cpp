// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/pass_rates.h"

#include <algorithm>
#include <utility>

namespace spliced::figures {

void PassRates::add(const BandTable& table) {
  if (table.grid.size() < grid.size()) return;
  if (table.grid != grid) *this = {table.grid, {}, {}};
  last.resize(table.last.size());
  before.resize(last.size());
  const auto shift = [this](std::size_t i, float rate) {
    if (rate > 0) before[i] = std::exchange(last[i], rate);
  };
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (!table.before.empty()) shift(i, table.before[i]);
    shift(i, table.last[i]);
  }
}

std::size_t PassRates::known() const {
  return static_cast<std::size_t>(std::count_if(last.begin(), last.end(), [](float rate) { return rate > 0; }));
}

bool PassRates::twice() const {
  return !before.empty() && std::all_of(before.begin(), before.end(), [](float rate) { return rate > 0; });
}

std::vector<float> PassRates::best() const {
  std::vector<float> out = last;
  for (std::size_t i = 0; i < before.size() && i < out.size(); ++i) out[i] = std::max(out[i], before[i]);
  return out;
}

}  // namespace spliced::figures
