// SPDX-License-Identifier: Apache-2.0
// The loops over whole sectors, in versions that do the same, byte for byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spliced::verify {

// What the tags of one pass have in common.
struct PassKeys {
  std::uint64_t sum = 0;   // of what w0 is mixed from, without the offset
  std::uint64_t pass = 0;  // u
  std::uint64_t job = 0;
  std::uint64_t device = 0;
};

// `pool`: kPoolBytes. `offset`: of the first sector. `out` and `data` may lie anywhere.
struct Kernels {
  std::string_view name;
  void (*fill)(const std::byte* pool, const PassKeys& keys, std::uint64_t offset, std::size_t sectors, std::byte* out);
  // The first sector that differs, of one or more; `sectors` when none does. What comes before byte `skip` of the first
  // sector, a multiple of 64, is not looked at.
  std::size_t (*check)(const std::byte* pool, const PassKeys& keys, std::uint64_t offset, std::size_t sectors,
                       std::size_t skip, const std::byte* data);
  // The same for data that is these 32 bytes again and again.
  std::size_t (*check_repeated)(const std::byte* repeated, std::size_t sectors, std::size_t skip,
                                const std::byte* data);
};
inline constexpr std::size_t kRepeated = 32;  // bytes

[[nodiscard]] const Kernels& portable_kernels();
// The best that this CPU has.
[[nodiscard]] const Kernels& best_kernels();

}  // namespace spliced::verify
