// SPDX-License-Identifier: Apache-2.0
// Whether direct I/O on a file reaches a device.
#pragma once
#include <cstdint>
#include <string>

namespace spliced::device {

// What there is to know of a file, from statx(2), statfs(2) and mountinfo.
struct DirectIoFacts {
  std::string file_system;       // its type
  bool told = false;             // the file system tells an alignment (STATX_DIOALIGN, Linux 6.1)
  std::uint32_t told_align = 0;  // bytes; 0: no direct I/O
  std::uint32_t block = 0;       // bytes of a block of the file system
  std::uint32_t sector = 512;    // of the disk below
};

struct DirectIo {
  std::uint32_t alignment = 512;  // bytes, at which direct I/O is direct
  std::string reason;             // why it is more than a sector, "" otherwise
  std::string refused;            // why there is none at all, "" if there is
};

// Pure.
[[nodiscard]] DirectIo judge_direct_io(const DirectIoFacts& facts);

struct MovedBytes {
  std::uint64_t read = 0, written = 0;
};

// What is wrong when a job moved `job` bytes to and from a file with direct I/O and the kernel counted `disk` for
// `name`, the disks below it: "" when at least half of it got there. `reads_count` is false where parts that were never
// written, which no disk is asked for, may have been read. Pure.
[[nodiscard]] std::string direct_io_shortfall(const MovedBytes& job, const MovedBytes& disk, const std::string& name,
                                              bool reads_count);

}  // namespace spliced::device
