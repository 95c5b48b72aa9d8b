// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

namespace spliced::figures {

// A range divided into bands of one width: kMost of them, fewer where each would be narrower than kLeastWidth. The last
// one may be a little narrower than the others. An ordinary value.
class BandGrid {
 public:
  static constexpr std::size_t kMost = 1'000;
  static constexpr std::uint64_t kLeastWidth = 64ULL << 20;  // bytes, but for a range that is smaller as a whole

  BandGrid() = default;  // no range, no bands
  BandGrid(std::uint64_t offset, std::uint64_t size);

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t width() const { return width_; }  // bytes
  [[nodiscard]] std::uint64_t start_of(std::size_t band) const { return offset_ + band * width_; }
  [[nodiscard]] std::uint64_t length_of(std::size_t band) const;
  // Of a byte in the range.
  [[nodiscard]] std::size_t index_of(std::uint64_t byte) const {
    // A product instead of a division: it is asked for each operation. It comes out right or one too small.
    const std::uint64_t at = byte - offset_;
    auto index = static_cast<std::uint64_t>((static_cast<Wide>(at) * inverse_) >> 64);
    if (at - index * width_ >= width_) ++index;
    return static_cast<std::size_t>(index);
  }
  bool operator==(const BandGrid&) const = default;

 private:
  __extension__ using Wide = unsigned __int128;

  std::uint64_t offset_ = 0, size_ = 0, width_ = 1;
  std::uint64_t inverse_ = 0;  // 2^64 / width, rounded down
  std::size_t count_ = 0;
};

}  // namespace spliced::figures
