// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/verify/header.h"
#include "spliced/verify/tag.h"

namespace spliced::verify {

struct PassKeys;
struct Kernels;

enum class PayloadKind : std::uint8_t { random, pattern, zero };
inline constexpr std::array<std::string_view, 3> kPayloadKindNames{"random", "pattern", "zero"};

inline constexpr std::uint32_t kSmallestInterval = 512, kLargestDefaultInterval = 4096;  // bytes
inline constexpr std::uint32_t kLargestInterval = 1U << 30;
inline constexpr std::size_t kLargestPattern = 512;  // bytes

// What writes carry.
struct Payload {
  PayloadKind kind = PayloadKind::random;
  std::string pattern;         // the bytes that are repeated, from the start of the device on
  unsigned compress = 0;       // percent of each sector that compresses, 0 to 100; of `random`
  std::uint32_t interval = 0;  // bytes between headers, a power of two; 0: see interval_for()
  bool header = true;          // one in each interval
  bool operator==(const Payload&) const = default;
};

// The largest power of two, from 512 to 4,096, that divides both; 0: none does, and there are no headers.
[[nodiscard]] std::uint32_t interval_for(std::uint64_t block, std::uint64_t offset);

// What a device holds after the passes of one workload: a pure function of payload, origin, pass and place.
// Thread-safe.
class Image {
 public:
  // `payload.interval` is given here, or 0 for none.
  Image(Payload payload, const Origin& origin);

  // What is written at `offset`, of any length and anywhere.
  void fill(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const;
  // Whether blocks at any two places, and of any two passes, differ in their headers alone.
  [[nodiscard]] bool is_alike_everywhere() const;
  // Makes what holds such a block one of `offset` and `pass`, which begins and ends with sectors.
  void fill_headers(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const;
  // How many bytes from the first on are as they should be, to the last whole sector; all, when all are. `data` is of
  // whole sectors.
  [[nodiscard]] std::size_t check(std::span<const std::byte> data, std::uint64_t offset, std::uint32_t pass) const;
  // The same, by the code that every CPU runs.
  [[nodiscard]] std::size_t check_portably(std::span<const std::byte> data, std::uint64_t offset,
                                           std::uint32_t pass) const;
  // The sector of a tag, by whomever it was written: as one of this image would be. Without its header.
  void fill_sector(const Tag& tag, std::span<std::byte, kSector> out) const;

  [[nodiscard]] Header header_at(std::uint64_t offset, std::uint32_t pass) const;
  [[nodiscard]] Tag tag_at(std::uint64_t offset, std::uint32_t pass) const;
  [[nodiscard]] bool has_header(std::uint64_t offset) const {
    return interval_ != 0 && (offset & (interval_ - 1)) == 0;
  }
  [[nodiscard]] bool has_tags() const { return payload_.kind == PayloadKind::random; }
  // Whether it is the same bytes at every place, and in every pass.
  [[nodiscard]] bool is_constant() const { return !has_tags() && interval_ == 0 && payload_.pattern.size() == 1; }
  // Words at the end of a sector that are not XORed with the pool.
  [[nodiscard]] std::size_t plain_words() const { return plain_; }
  [[nodiscard]] std::uint32_t interval() const { return interval_; }  // 0: there are no headers
  [[nodiscard]] const Payload& payload() const { return payload_; }
  [[nodiscard]] const Origin& origin() const { return origin_; }

 private:
  [[nodiscard]] PassKeys keys_of(std::uint32_t pass) const;
  [[nodiscard]] std::size_t sectors_to_next_header(std::uint64_t offset, std::size_t most) const;
  void fill_sectors(std::byte* out, std::uint64_t offset, std::size_t sectors, std::uint32_t pass) const;
  void fill_part(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const;
  [[nodiscard]] std::size_t check_with(const Kernels& kernels, std::span<const std::byte> data, std::uint64_t offset,
                                       std::uint32_t pass) const;
  [[nodiscard]] std::size_t check_repeated(const Kernels& kernels, std::uint64_t offset, std::size_t sectors,
                                           std::size_t skip, const std::byte* data) const;

  Payload payload_;
  Origin origin_;
  std::uint64_t job_;
  std::uint64_t place_key_;
  std::uint32_t interval_;
  std::size_t plain_;
  std::vector<std::uint64_t> own_pool_;  // where a part of each sector is not XORed with it
  const std::byte* pool_;
  std::vector<std::byte> repeated_;  // the pattern, from each of its bytes on for at least kSector
};

}  // namespace spliced::verify
