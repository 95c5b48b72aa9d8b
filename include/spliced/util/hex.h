// SPDX-License-Identifier: Apache-2.0
// Bytes as hexadecimal digits.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace spliced::util {

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);  // lower-case, two digits each
[[nodiscard]] std::string to_hex(std::string_view bytes);
// The bytes of an even number of digits of either case; none of anything else.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);
// 16 bytes as a UUID is written (RFC 9562, section 4).
[[nodiscard]] std::string format_uuid(std::span<const std::byte, 16> bytes);
// Of the kernel's random numbers. They throw std::system_error where there are none.
[[nodiscard]] std::array<std::byte, 16> random_bytes();
[[nodiscard]] std::string random_uuid();  // of version 4

}  // namespace spliced::util
