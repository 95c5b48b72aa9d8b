// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::device {

// Names, as libblkid has them ("ext4", "LVM2_member", "gpt"), of every file-system, RAID, LVM and partition-table
// signature on the open file or device. Reads a few hundred KiB. Errors name what could not be read, and why.
[[nodiscard]] util::Result<std::vector<std::string>> find_signatures(int fd);

// Reads `length` bytes at an offset: how many, or the negative errno.
using ReadAt = std::function<std::int64_t(std::uint64_t offset, std::uint64_t length)>;

// The first place that cannot be read where signatures are kept, at the start and the end of `size` bytes:
// "4096 bytes at offset 65536 cannot be read: Input/output error"; nothing when all can.
[[nodiscard]] std::optional<util::Error> find_unreadable(std::uint64_t size, const ReadAt& read);

}  // namespace spliced::device
