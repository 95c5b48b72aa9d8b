// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/write_buffers.h"

#include <limits>

namespace spliced::verify {
namespace {

constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();

}  // namespace

util::Result<WriteBuffers> WriteBuffers::create(std::shared_ptr<const Image> image, std::size_t block,
                                                std::size_t places, util::Pages pages) {
  WriteBuffers out;
  out.image_ = std::move(image);
  out.block_ = block;
  out.constant_ = out.image_->is_constant();
  auto memory = util::PageBuffer::allocate(block * (out.constant_ ? 1 : places), pages);
  if (!memory) return tl::unexpected(util::with_context(memory.error(), "data of writes"));
  out.memory_ = std::move(*memory);
  if (!out.constant_ && out.image_->is_alike_everywhere()) out.held_.assign(places, kNothing);
  if (out.constant_) out.image_->fill({out.memory_.data(), block}, 0, 0);
  return out;
}

// All but the headers is right already.
bool WriteBuffers::holds_alike(std::size_t place, std::uint64_t offset, std::size_t length) const {
  const std::uint64_t grid = image_->interval() != 0 ? image_->interval() : kSector;
  const std::uint64_t held = held_[place];
  return held != kNothing && held % grid == offset % grid && offset % kSector == 0 && length % kSector == 0;
}

std::byte* WriteBuffers::fill(std::uint64_t offset, std::size_t length, std::uint32_t pass, std::size_t place) {
  if (constant_) return memory_.data();
  std::byte* const out = memory_.data() + place * block_;
  if (!held_.empty() && holds_alike(place, offset, length)) {
    image_->fill_headers({out, length}, offset, pass);
  } else {
    image_->fill({out, length}, offset, pass);
    if (!held_.empty()) held_[place] = length == block_ ? offset : kNothing;
  }
  return out;
}

}  // namespace spliced::verify
