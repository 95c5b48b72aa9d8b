#pragma once
#include <cstddef>

#include "spliced/util/result.h"

namespace spliced::util {

inline constexpr std::size_t kPageSize = 4096;

// Zeroed, page-aligned, private anonymous memory: what O_DIRECT and vmsplice(2) want. Unmapped by the destructor.
class PageBuffer {
 public:
  PageBuffer() = default;
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  // At least `bytes`, rounded up to pages. The pages are faulted in, as far as there is memory, so that the
  // first transfers do not wait for them.
  [[nodiscard]] static Result<PageBuffer> allocate(std::size_t bytes);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace spliced::util
