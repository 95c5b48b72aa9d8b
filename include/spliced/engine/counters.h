// SPDX-License-Identifier: Apache-2.0
// What an engine tells about itself while it runs.
#pragma once
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/op.h"
#include "spliced/util/tally.h"

namespace spliced::engine {

// The directions in which data goes, as an index.
enum class Direction : std::uint8_t { read, write };
inline constexpr std::size_t kDirections = 2;
[[nodiscard]] constexpr std::size_t index_of(Direction direction) {
  return static_cast<std::size_t>(direction);
}
inline constexpr std::array<std::string_view, kDirections> kDirectionNames{"read", "write"};

// How read data leaves the pipe.
enum class ReadPath : std::uint8_t { map, copy, read, discard };
inline constexpr std::array<std::string_view, 4> kReadPathNames{"map", "copy", "read", "discard"};

// The downgrades there are. Each is permanent for its engine and counted once.
enum class Fallback : std::uint8_t { map_to_copy, copy_to_read, vmsplice_to_write };
inline constexpr std::size_t kFallbacks = 3;
struct FallbackName {
  std::string_view from;
  std::string_view to;
};
inline constexpr std::array<FallbackName, kFallbacks> kFallbackNames{
    {{"map", "copy"}, {"copy", "read"}, {"vmsplice", "write"}}};

// The errors that lead to a downgrade.
inline constexpr std::array<int, 6> kFallbackErrors{EFAULT, EBADF, EPERM, ENOSYS, EINVAL, EOPNOTSUPP};

// The errors that are waited out for a bounded time.
inline constexpr std::array<int, 3> kRetryErrors{EAGAIN, ENODATA, EINTR};

// Written by the engine's own thread, read by any thread at any time.
struct alignas(64) EngineCounters {
  std::array<std::array<util::Tally, kFallbackErrors.size()>, kFallbacks> fallbacks;
  std::array<util::Tally, kRetryErrors.size()> retries;
  std::array<util::Tally, util::kOpClasses> short_transfers;  // splice calls that moved less than was asked
  util::Tally pipe_resets;
  std::array<util::Tally, kDirections> pipe_size_bytes;  // obtained, by Direction; 0: no pipe yet
  // When the transfer under way began, or when another of its batch last ended; 0: none is under way.
  alignas(64) std::atomic<util::Nanos> active_since{0};
  std::atomic<ReadPath> read_path{ReadPath::map};
};

}  // namespace spliced::engine
