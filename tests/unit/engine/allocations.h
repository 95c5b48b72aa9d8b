// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace spliced::engine::test {

// How often the calling thread asked operator new for memory.
[[nodiscard]] std::uint64_t allocations();

}  // namespace spliced::engine::test
