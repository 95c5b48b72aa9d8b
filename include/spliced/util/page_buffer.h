// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

#include "spliced/util/result.h"

namespace spliced::util {

inline constexpr std::size_t kPageSize = 4096;

// Pages of a buffer. Huge ones, where the system has some (madvise(2), MADV_HUGEPAGE), are worth it for blocks of many
// pages that are written: fewer pages for vmsplice(2) to look up, fewer pieces for the block layer to put together.
// Reads gain nothing.
enum class Pages : std::uint8_t { small, huge };
inline constexpr std::size_t kHugePageSize = 2 << 20;

[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Zeroed, page-aligned, private anonymous memory: what O_DIRECT and vmsplice(2) want. Unmapped by the destructor.
class PageBuffer {
 public:
  PageBuffer() = default;
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  // What allocate(bytes) takes: `bytes` rounded up to pages, or to huge pages.
  [[nodiscard]] static constexpr std::size_t footprint(std::size_t bytes, Pages pages = Pages::small) {
    return round_up(bytes == 0 ? 1 : bytes, pages == Pages::huge ? kHugePageSize : kPageSize);
  }

  // At least `bytes`. The pages are faulted in, as far as there is memory, so that the
  // first transfers do not wait for them.
  [[nodiscard]] static Result<PageBuffer> allocate(std::size_t bytes, Pages pages = Pages::small);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void align_to_huge_pages();

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace spliced::util
