// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/direct_io.h"

#include <fmt/format.h>

#include <algorithm>

namespace spliced::device {
namespace {

// What may be served from a cache, or be written back together with other things, is not compared to the byte.
constexpr std::uint64_t kFairShare = 2;  // at least one of that many bytes

bool falls_short(std::uint64_t job, std::uint64_t disk) {
  return disk < job / kFairShare;
}

}  // namespace

DirectIo judge_direct_io(const DirectIoFacts& facts) {
  DirectIo out;
  out.alignment = facts.sector;
  if (facts.told && facts.told_align == 0) {
    out.refused = fmt::format(
        "its file system ({}) has no direct I/O for it, as for a file that is encrypted, sealed with verity or "
        "journalled with its data",
        facts.file_system);
  } else if (facts.told) {
    out.alignment = facts.told_align;
  } else if (facts.file_system == "zfs") {
    // Before 2.3 it takes O_DIRECT and ignores it; later a property of the data set decides, which no call tells.
    out.refused = "zfs may serve direct I/O from its own cache";
  } else if (facts.file_system == "btrfs") {
    out.alignment = std::max(facts.block, facts.sector);
    out.reason = "btrfs serves direct I/O that is not aligned to its sectors from the page cache";
  } else if (facts.file_system == "overlay") {
    // What is below tells for itself, if it can; what cannot may be a btrfs.
    out.alignment = std::max(facts.block, facts.sector);
    out.reason = "the file system below the overlay does not tell what direct I/O needs";
  }
  return out;
}

std::string direct_io_shortfall(const MovedBytes& job, const MovedBytes& disk, const std::string& name,
                                bool reads_count) {
  if (falls_short(job.written, disk.written)) {
    return fmt::format("direct I/O did not reach {}: it wrote {} of {} bytes", name, disk.written, job.written);
  }
  if (reads_count && falls_short(job.read, disk.read)) {
    return fmt::format("direct I/O did not reach {}: it read {} of {} bytes", name, disk.read, job.read);
  }
  return "";
}

}  // namespace spliced::device
