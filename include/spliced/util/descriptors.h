// SPDX-License-Identifier: Apache-2.0
// How many files a process may have open.
#pragma once
#include <cstdint>

namespace spliced::util {

// The soft limit on open descriptors of this process, as it is now.
[[nodiscard]] std::uint64_t descriptor_limit();

// Raises the soft limit to the hard one, which no privilege is needed for. The soft one is low by custom for the sake
// of programs that use select(2); this one does not. Where it cannot be raised it stays. At the start of the process.
void raise_descriptor_limit();

}  // namespace spliced::util
