// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "spliced/util/page_buffer.h"
#include "spliced/util/result.h"
#include "spliced/verify/image.h"

namespace spliced::verify {

// The data of the writes of one worker, each with a place of its own. What is the same wherever it is written, is made
// once. Belongs to one thread.
class WriteBuffers {
 public:
  // The most memory that create() takes, bytes.
  [[nodiscard]] static std::size_t footprint(std::size_t block, std::size_t places, util::Pages pages) {
    return util::PageBuffer::footprint(block * places, pages);
  }
  // `places`: how many blocks can be valid at a time.
  [[nodiscard]] static util::Result<WriteBuffers> create(std::shared_ptr<const Image> image, std::size_t block,
                                                         std::size_t places, util::Pages pages = util::Pages::small);

  // What a write of `length` bytes, a block at most, holds. Valid until the next call for that place. The first place
  // begins with a page, the others follow without a gap.
  [[nodiscard]] std::byte* fill(std::uint64_t offset, std::size_t length, std::uint32_t pass, std::size_t place);

 private:
  [[nodiscard]] bool holds_alike(std::size_t place, std::uint64_t offset, std::size_t length) const;

  std::shared_ptr<const Image> image_;
  std::size_t block_ = 0;
  bool constant_ = false;
  // Offsets of what each place holds, where blocks differ in their headers alone; those are where they were as long as
  // it is the same within an interval.
  std::vector<std::uint64_t> held_;
  util::PageBuffer memory_;
};

}  // namespace spliced::verify
