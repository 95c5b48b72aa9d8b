// SPDX-License-Identifier: Apache-2.0
// Where, when and whose a sector is: what is in every 512 bytes that are written. docs/VERIFY.md has the format byte by
// byte; it is frozen as version 1.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace spliced::verify {

inline constexpr std::size_t kSector = 512;       // bytes
inline constexpr std::size_t kPoolBytes = 16384;  // a multiple of kSector
inline constexpr std::size_t kSectorWords = kSector / sizeof(std::uint64_t);
inline constexpr std::size_t kPoolWords = kPoolBytes / sizeof(std::uint64_t);

using RunId = std::array<std::byte, 16>;

// The one that a text of 32 hexadecimal digits, with or without hyphens, names.
[[nodiscard]] std::optional<RunId> run_id_of(std::string_view text);

// Of what a device is known by: its WWN, or what stands for it.
[[nodiscard]] std::uint64_t device_identity(std::string_view known_by);

// Whose data it is: a job on a device.
struct Origin {
  RunId run{};               // drawn for each job
  std::uint64_t device = 0;  // see device_identity()
  std::uint64_t seed = 0;
  [[nodiscard]] std::uint64_t job() const;  // run and seed in one number, which tags have
  bool operator==(const Origin&) const = default;
};

struct Tag {
  std::uint64_t offset = 0;  // of the sector, bytes from the start of the device
  std::uint32_t pass = 0;
  std::uint32_t generation = 0;
  std::uint64_t job = 0;  // see Origin::job
  std::uint64_t device = 0;
  bool operator==(const Tag&) const = default;
};

// Word i of a sector is that of the pool at (its offset mod kPoolBytes) / 8 + i, XORed with word i mod 4 of these.
using TagWords = std::array<std::uint64_t, 4>;
[[nodiscard]] TagWords words_of(const Tag& tag);
// The tag that has these words. Each four words are those of one: whether it is true shows in its offset.
[[nodiscard]] Tag tag_of(const TagWords& words);

// The same for every job, and for ever.
[[nodiscard]] const std::array<std::uint64_t, kPoolWords>& pool();

// Whether the words of `one` are, but for some bits, those of the other.
[[nodiscard]] bool is_damaged_copy(const Tag& one, const Tag& of);

// The tags of which 64 bytes in a row are found in a sector of kSector bytes, even with some bits flipped, one of each,
// as many as `out` holds. How many. `plain`: words at its end that are not XORed with the pool.
[[nodiscard]] std::size_t find_tags(std::span<const std::byte> sector, std::size_t plain, std::span<Tag> out);

}  // namespace spliced::verify
