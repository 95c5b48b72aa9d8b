// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "spliced/verify/tag.h"

namespace spliced::verify {

inline constexpr std::size_t kHeaderBytes = 64;

// The first bytes of each interval, for whoever looks at a dump. docs/VERIFY.md has the format.
struct Header {
  Origin origin;
  std::uint64_t offset = 0;  // of the interval, bytes from the start of the device
  std::uint32_t pass = 0;
  std::uint32_t generation = 0;
  std::uint8_t interval_log2 = 0;
  std::uint8_t payload = 0;  // 1 random, 2 pattern, 3 zero
  std::uint8_t compress = 0;
  bool operator==(const Header&) const = default;
};

using HeaderWords = std::array<std::uint64_t, kHeaderBytes / sizeof(std::uint64_t)>;
// As it is on the disk.
[[nodiscard]] HeaderWords words_of(const Header& header);
void write_header(const Header& header, std::byte* out);  // kHeaderBytes
// Of kHeaderBytes; none when they do not begin with what a header of this version does, or its CRC is not right.
[[nodiscard]] std::optional<Header> read_header(std::span<const std::byte> bytes);

}  // namespace spliced::verify
