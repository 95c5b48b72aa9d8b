// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "spliced/device/block_topology.h"

namespace spliced::device {

// Fills in what the sysfs directory of a disk says of its zones.
void read_zoned(const std::string& disk, BlockNode& node);

// To be called when all are read: a file that no disk has is one that the kernel does not know of.
void clear_unknown_zones(std::vector<BlockNode>& nodes);

// "sdb is a host-managed zoned disk (55,880 zones of 256 MiB): ...", of the disk or a partition of it.
[[nodiscard]] std::string zoned_refusal(const BlockNode& node, const BlockTopology& host);

}  // namespace spliced::device
