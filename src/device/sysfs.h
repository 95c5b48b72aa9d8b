#pragma once
#include "spliced/device/host.h"

namespace spliced::device {

// Every block device that sysfs shows, partitions among them.
[[nodiscard]] std::vector<BlockNode> read_block_nodes(const HostPaths& paths);

// First line of a file, without trailing blanks; "" when it cannot be read.
[[nodiscard]] std::string read_line(const std::string& path);

}  // namespace spliced::device
