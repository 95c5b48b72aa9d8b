// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

#include "spliced/util/page_buffer.h"

namespace spliced::engine {

// How many slots of a pipe pieces of memory, or of a file, take: one for every page that a piece touches, however few
// of its bytes (pipe(7), vmsplice(2)).
[[nodiscard]] inline std::size_t pages_touched(std::uint64_t begin, std::size_t length) {
  return static_cast<std::size_t>((begin % util::kPageSize + length + util::kPageSize - 1) / util::kPageSize);
}

}  // namespace spliced::engine
