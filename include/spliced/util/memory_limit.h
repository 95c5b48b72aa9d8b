// SPDX-License-Identifier: Apache-2.0
// What the machine has left of its memory, and the control groups that the process is in leave it of that (cgroups(7)).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace spliced::util {

// The limit of one group, which holds for all that is in it together; or of the machine.
struct MemoryBound {
  std::uint64_t limit = 0;  // bytes
  std::uint64_t used = 0;   // bytes that the kernel cannot take back: all that is charged but the cached pages of files
  std::string path;         // of the file that says so
  [[nodiscard]] std::uint64_t left() const { return limit - (used < limit ? used : limit); }
};

// Looks up the machine's memory, and the limits of the process's own group and of those above it, of version 1 and 2,
// as far as they are mounted and within its cgroup namespace. A plain value; every call reads anew, since limits
// change. Thread-safe. Reads a few small files of the kernel's own and waits for no disk.
class MemoryLimit {
 public:
  // `root` is put before every path that is read, for tests.
  explicit MemoryLimit(std::string root = "") : root_(std::move(root)) {}

  // The limit that leaves the least; none where nothing can be read.
  [[nodiscard]] std::optional<MemoryBound> read() const;

 private:
  std::string root_;
};

}  // namespace spliced::util
