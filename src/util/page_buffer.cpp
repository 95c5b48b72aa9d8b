// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/page_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace spliced::util {

PageBuffer::PageBuffer(PageBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PageBuffer::~PageBuffer() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<PageBuffer> PageBuffer::allocate(std::size_t bytes, Pages pages) {
  const std::size_t size = footprint(bytes, pages);
  const bool huge = pages == Pages::huge;
  const std::size_t room = huge ? size + kHugePageSize : size;
  const auto out_of_memory = [&] { return fail_errno(fmt::format("allocate {} bytes", size), ENOMEM); };
  if (size < bytes || room < size) return out_of_memory();
  const int populate = huge ? 0 : MAP_POPULATE;
  void* memory = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (memory == MAP_FAILED) return out_of_memory();
  PageBuffer buffer;
  buffer.data_ = static_cast<std::byte*>(memory);
  buffer.size_ = size;
  if (huge) buffer.align_to_huge_pages();
  return buffer;
}

// Gives back what is in front of the first boundary and behind the last, and asks for huge pages in between.
void PageBuffer::align_to_huge_pages() {
  const std::size_t front =
      round_up(reinterpret_cast<std::uintptr_t>(data_), kHugePageSize) - reinterpret_cast<std::uintptr_t>(data_);
  if (front > 0) ::munmap(data_, front);
  data_ += front;
  if (front < kHugePageSize) ::munmap(data_ + size_, kHugePageSize - front);
  // Without huge pages it is a buffer of small ones; without populating it is faulted in later.
  ::madvise(data_, size_, MADV_HUGEPAGE);
  ::madvise(data_, size_, MADV_POPULATE_WRITE);
}

}  // namespace spliced::util
