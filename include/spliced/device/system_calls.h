// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::device {

// What not every kernel, file system or disk answers; tests put answers of their own in their place.
struct SystemCalls {
  // openat2(2) of an absolute path with RESOLVE_NO_SYMLINKS: a descriptor, or -1 and errno.
  std::function<int(const char* path, std::uint64_t flags)> openat2;
  // fallocate(2) from the start of the file: 0, or an errno.
  std::function<int(int fd, std::uint64_t bytes)> allocate;
  // The names of the signatures on an open target.
  std::function<util::Result<std::vector<std::string>>(int fd)> signatures;
};

[[nodiscard]] SystemCalls kernel_calls();

}  // namespace spliced::device
