// SPDX-License-Identifier: Apache-2.0
// What a written block holds.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "spliced/util/page_buffer.h"
#include "spliced/util/result.h"

namespace spliced::verify {

enum class Payload : std::uint8_t { stamp, random, zero };
inline constexpr std::array<std::string_view, 3> kPayloadNames{"stamp", "random", "zero"};
inline constexpr std::size_t kStampBytes = 16;

// The contents of blocks, as a function of (kind, seed, offset) alone, so that any tool can recompute a block:
//   pool[i]  = the i-th output of xoshiro256**, as little-endian u64, whose four state words are s0 = mix64(seed),
//              s1 = mix64(s0), s2 = mix64(s1), s3 = mix64(s2) (util/random.h); kPoolPages pages more than a
//              block has
//   block    = the bytes of the pool from page mix64(seed ^ offset) % kPoolPages on
//   stamp    = in addition, the first 16 bytes are u64 offset, u64 seed, little endian
// Nothing is generated per write: a block is a window into the pool, so a write costs one hash and two stores. Windows
// overlap, so stamped blocks that are valid together are copies.
inline constexpr std::size_t kPoolPages = 64;

// One per worker; belongs to one thread.
class PayloadSource {
 public:
  // The most memory that create() takes, bytes.
  [[nodiscard]] static std::size_t footprint(std::size_t block, std::size_t places, util::Pages pages) {
    return util::PageBuffer::footprint(pool_bytes(block) + (places > 1 ? block * places : 0), pages);
  }
  // `places` is how many blocks can be valid at a time.
  [[nodiscard]] static util::Result<PayloadSource> create(Payload kind, std::uint64_t seed, std::size_t block,
                                                          std::size_t places = 1,
                                                          util::Pages pages = util::Pages::small);

  // The contents of the block at `offset`, page-aligned. Valid until the next call of either function.
  [[nodiscard]] std::byte* fill(std::uint64_t offset);
  // The same, at a place of its own: valid until the next fill() or the next call for that place. Costs a
  // copy of the block where it has a stamp.
  [[nodiscard]] std::byte* fill(std::uint64_t offset, std::size_t place);

 private:
  [[nodiscard]] static std::size_t pool_bytes(std::size_t block) {
    return util::round_up(block + kPoolPages * util::kPageSize, util::kPageSize);
  }
  void lift_stamp();
  void stamp(std::byte* block, std::uint64_t offset) const;

  Payload kind_ = Payload::zero;
  std::uint64_t seed_ = 0;
  std::size_t block_ = 0;
  util::PageBuffer memory_;      // the pool, and behind it the places; or the one block of zeros
  std::byte* places_ = nullptr;  // of blocks that are valid together
  std::byte* stamped_ = nullptr;
  std::array<std::byte, kStampBytes> under_stamp_{};
};

}  // namespace spliced::verify
