// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spliced/device/block_topology.h"

namespace spliced::device {

// Every block device that sysfs shows, partitions among them. What could not be read is added to `blind_spots`.
[[nodiscard]] std::vector<BlockNode> read_block_nodes(const HostPaths& paths, std::vector<std::string>& blind_spots);

// The disks of each btrfs that is mounted.
[[nodiscard]] std::vector<std::vector<dev_t>> read_pools(const HostPaths& paths);

}  // namespace spliced::device
