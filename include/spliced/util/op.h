// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spliced::util {

// What one request to a device does. fsync, fdatasync and sync_file_range are counted together as "sync".
enum class Op : std::uint8_t { read, write, trim, fsync, fdatasync, sync_file_range };

// The classes in which operations are counted and shown.
enum class OpClass : std::uint8_t { read, write, trim, sync };
inline constexpr std::size_t kOpClasses = 4;
inline constexpr std::array<std::string_view, kOpClasses> kOpClassNames{"read", "write", "trim", "sync"};

[[nodiscard]] constexpr OpClass op_class(Op op) {
  return op <= Op::trim ? static_cast<OpClass>(op) : OpClass::sync;
}
inline constexpr std::array<std::string_view, 6> kOpNames{"read",  "write",     "trim",
                                                          "fsync", "fdatasync", "sync_file_range"};
[[nodiscard]] constexpr std::string_view op_name(Op op) {
  return kOpNames[static_cast<std::size_t>(op)];
}
[[nodiscard]] constexpr bool moves_data(Op op) {
  return op == Op::read || op == Op::write;
}

}  // namespace spliced::util
