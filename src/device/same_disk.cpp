// SPDX-License-Identifier: Apache-2.0
#include "same_disk.h"

#include <utility>

#include "spliced/device/identity.h"

namespace spliced::device {

SameDisk::SameDisk(const BlockTopology& host) {
  std::map<std::string, dev_t> disks;
  for (const auto& node : host.blocks) {
    if (node.is_partition() || !is_telling(node.info.wwn)) continue;
    const auto [known, fresh] = disks.emplace(node.info.wwn, node.number);
    if (!fresh) first_[node.number] = known->second;
  }
  if (first_.empty()) return;
  std::map<std::pair<dev_t, unsigned>, dev_t> parts;
  for (const auto& node : host.blocks) {
    if (node.is_partition()) parts.emplace(std::pair{node.whole, node.partition}, node.number);
  }
  for (const auto& [part, number] : parts) {
    const auto disk = first_.find(part.first);
    if (disk == first_.end()) continue;
    const auto twin = parts.find({disk->second, part.second});
    if (twin != parts.end()) first_[number] = twin->second;
  }
}

NodeId SameDisk::operator()(const NodeId& node) const {
  if (!node.block) return node;
  const auto found = first_.find(node.device);
  return found == first_.end() ? node : NodeId{true, found->second, 0};
}

}  // namespace spliced::device
