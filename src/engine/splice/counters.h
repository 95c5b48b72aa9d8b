// SPDX-License-Identifier: Apache-2.0
// What the splice engine tells about itself while it runs.
#pragma once
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/flight.h"
#include "engine/retry.h"
#include "spliced/engine/options.h"
#include "spliced/util/tally.h"

namespace spliced::engine {

// The downgrades there are. Each is permanent for its engine and counted once.
enum class Fallback : std::uint8_t { map_to_copy, copy_to_read, vmsplice_to_write };
inline constexpr std::size_t kFallbacks = 3;
struct FallbackName {
  std::string_view from;
  std::string_view to;
  util::OpClass of;
};
inline constexpr std::array<FallbackName, kFallbacks> kFallbackNames{{{"map", "copy", util::OpClass::read},
                                                                      {"copy", "read", util::OpClass::read},
                                                                      {"vmsplice", "write", util::OpClass::write}}};

// The errors that lead to a downgrade.
inline constexpr std::array<int, 6> kFallbackErrors{EFAULT, EBADF, EPERM, ENOSYS, EINVAL, EOPNOTSUPP};

// Written by the engine's own thread, read by any thread at any time.
struct alignas(64) SpliceCounters {
  std::array<std::array<util::Tally, kFallbackErrors.size()>, kFallbacks> fallbacks;
  RetryCounters retries;
  std::array<util::Tally, kDirections> short_transfers;  // splice calls that moved less than was asked
  util::Tally pipe_resets;
  std::array<util::Tally, kDirections> pipe_size_bytes;  // obtained, by Direction; 0: no pipe yet
  Flight flight;
  std::atomic<ReadPath> read_path{ReadPath::map};
};

}  // namespace spliced::engine
