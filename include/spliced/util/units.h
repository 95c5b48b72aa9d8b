// SPDX-License-Identifier: Apache-2.0
// Sizes and durations as people write them, following fio where fio has a notation.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/result.h"

namespace spliced::util {

// Bytes. "4096", "64k", "1M", "2G", "1T" and KiB..TiB are powers of 1024; kB..TB powers of 1000. Fails on anything
// else and above 2^63-1.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

// Nanoseconds. "500ms", "30s", "10m", "1h", "2d", "10us", "100ns"; a bare number is seconds. At most 100 years.
[[nodiscard]] Result<Nanos> parse_duration(std::string_view text);
[[nodiscard]] Result<Nanos> seconds_to_nanos(double seconds);

// In the largest binary unit that divides it, so that parse_size reads the same back: "64k", "1M", "1000".
[[nodiscard]] std::string format_size(std::uint64_t bytes);
// In the largest unit up to seconds that divides it, so that parse_duration reads the same back: "30s", "500ms", "0".
[[nodiscard]] std::string format_duration(Nanos duration);
// For people: "12.3 MiB", "1.5 GiB".
[[nodiscard]] std::string human_bytes(double bytes);
// RFC 3339 with milliseconds, UTC.
[[nodiscard]] std::string format_time(std::chrono::system_clock::time_point when);
// What format_time() wrote; none of anything else.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text);

}  // namespace spliced::util
