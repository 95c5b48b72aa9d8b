// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "spliced/verdict/criterion.h"

namespace spliced::verdict {
namespace {

using Group = std::vector<std::size_t>;

// The middle one, or the mean of the two in the middle.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// Of one kind of operation in one stage, those that did it to its end.
void compare(const std::vector<const run::DeviceSnapshot*>& devices, const Group& group, std::size_t stage,
             std::size_t op, std::vector<Peers>& out) {
  Group compared;
  std::vector<double> rates;
  for (const std::size_t i : group) {
    const auto& shown = devices[i]->shown;
    const double rate = stage < shown.size() ? shown[stage].what.rates.at(op) : 0;
    if (rate <= 0) continue;  // it did not come so far
    compared.push_back(i);
    rates.push_back(rate);
  }
  if (compared.size() < kLeastPeers) return;
  const double usual = median_of(rates);
  for (std::size_t k = 0; k < compared.size(); ++k) {
    Peers& peers = out[compared[k]];
    const double slower = std::max(0.0, 1 - rates[k] / usual);
    if (peers.deviation && *peers.deviation >= slower) continue;
    peers.deviation = slower;
    peers.stage = devices[compared[k]]->shown[stage].stage;
  }
}

}  // namespace

std::vector<Peers> compare_peers(const std::vector<const run::DeviceSnapshot*>& devices) {
  std::map<std::string, Group> models;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::string& model = devices[i]->facts.info.model;
    if (!model.empty()) models[model].push_back(i);
  }
  const bool complete =
      std::all_of(devices.begin(), devices.end(), [](auto* device) { return run::is_final(device->state); });
  std::vector<Peers> out(devices.size());
  for (Peers& one : out) one.complete = complete;
  for (const auto& [model, group] : models) {
    for (const std::size_t i : group) out[i].count = group.size();
    if (group.size() < kLeastPeers) continue;
    const std::size_t stages = devices[group.front()]->shown.size();
    for (std::size_t stage = 0; stage < stages; ++stage) {
      for (std::size_t op = 0; op < util::kOpClasses; ++op) compare(devices, group, stage, op, out);
    }
  }
  return out;
}

}  // namespace spliced::verdict
