#pragma once
#include <string>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::device {

// Names, as libblkid has them ("ext4", "LVM2_member", "gpt"), of every file-system, RAID, LVM and partition-table
// signature on the open file or device. Reads a few hundred KiB.
[[nodiscard]] util::Result<std::vector<std::string>> find_signatures(int fd);

}  // namespace spliced::device
