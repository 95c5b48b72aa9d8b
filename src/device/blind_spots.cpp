// SPDX-License-Identifier: Apache-2.0
// What could not be read of the machine, and which targets that concerns.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "spliced/device/usage.h"

namespace spliced::device {
namespace {

bool hides_its_file(const BlockNode& block) {
  return !block.backing_path.empty() && !block.backing;
}

std::string sentence(const BlockNode& block) {
  return fmt::format("it cannot be told which file or disk {} writes to ({}, by /sys/block/{}/loop/backing_file)",
                     block.name, block.backing_path, block.name);
}

// Whether it may lose its server and find it again, which FUSE does not: what answers there has not lost it.
bool may_come_back(const std::string& file_system) {
  static constexpr std::array<std::string_view, 5> kKinds{"unknown", "nfs", "cifs", "smb", "9p"};
  return std::any_of(kKinds.begin(), kKinds.end(), [&](auto kind) { return file_system.starts_with(kind); });
}

// Whether a loop device whose backing is only known by its path may write to `node`.
bool may_write_to(const BlockNode& loop, const NodeId& node, const BlockTopology& host) {
  if (node.block) {
    if (!loop.backing_path.starts_with("/dev/") || loop.backing_path.starts_with("/dev/shm/")) return false;
    const BlockNode* named = host.find(loop.backing_path.substr(5));
    return named == nullptr || named->number == node.device;
  }
  // The path may be one of another time.
  if (loop.backing_lost && !may_come_back(host.file_system_of(node.device))) return false;
  const auto place = host.place_of(loop.backing_path);
  // Some file systems give their files numbers that no mount has.
  return !place || place->device == node.device || host.file_system_of(node.device) == "unknown";
}

bool concerns(const BlockNode& loop, const std::vector<NodeId>& stack, const BlockTopology& host) {
  return std::any_of(stack.begin(), stack.end(), [&](const NodeId& node) {
    return node == block_id(loop.number) || may_write_to(loop, node, host);
  });
}

}  // namespace

std::vector<std::string> find_blind_spots(const NodeId& target, const BlockTopology& host) {
  std::vector<std::string> spots = host.blind_spots;
  const std::vector<NodeId> stack = stack_of(target, host);
  for (const auto& block : host.blocks) {
    if (hides_its_file(block) && concerns(block, stack, host)) spots.push_back(sentence(block));
  }
  return spots;
}

}  // namespace spliced::device
