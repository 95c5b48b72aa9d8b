// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "spliced/device/system_calls.h"
#include "spliced/util/unique_fd.h"

namespace spliced::device {

// Opens an absolute path that exists, without following a symbolic link anywhere in it: errno is ELOOP or ENOTDIR if
// there is one. By openat2(2); where the kernel or a filter refuses that call, component by component.
[[nodiscard]] util::UniqueFd open_without_links(const SystemCalls& calls, const std::string& path, int flags);

// Opens what `handle` names, through /proc/thread-self/fd, since a thread may have a descriptor table of its own: the
// name that was resolved cannot be swapped for another.
[[nodiscard]] util::UniqueFd reopen(const util::UniqueFd& handle, int flags);

// Where the kernel says that an open file or directory is now; "" when it cannot be told.
[[nodiscard]] std::string path_of(const util::UniqueFd& handle);

// directory/name, for the root directory too.
[[nodiscard]] std::string join(const std::string& directory, const std::string& name);

}  // namespace spliced::device
