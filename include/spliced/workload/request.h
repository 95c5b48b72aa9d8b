// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <limits>

#include "spliced/util/op.h"

namespace spliced::workload {

// Of a request that is not for a block of its own: a sync.
inline constexpr std::uint64_t kNoPosition = std::numeric_limits<std::uint64_t>::max();

// What is to be done next.
struct Request {
  util::Op op = util::Op::read;
  std::uint64_t offset = 0;              // bytes from the start of the target
  std::uint64_t length = 0;              // bytes
  std::uint64_t position = kNoPosition;  // in the sequence of all blocks, over all rounds
  std::uint64_t needs = kNoPosition;     // the position that must be done before it may begin
  std::uint32_t round = 0;               // that it belongs to
};

}  // namespace spliced::workload
