// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/payload.h"

#include <bit>
#include <cstring>

#include "spliced/util/random.h"

namespace spliced::verify {

static_assert(std::endian::native == std::endian::little, "the stamp is stored as the machine's own u64");

util::Result<PayloadSource> PayloadSource::create(Payload kind, std::uint64_t seed, std::size_t block,
                                                  std::size_t places, util::Pages pages) {
  PayloadSource source;
  source.kind_ = kind;
  source.seed_ = seed;
  source.block_ = block;
  const std::size_t pool = kind == Payload::zero ? 0 : pool_bytes(block);
  const std::size_t copies = kind == Payload::stamp && places > 1 ? places : 0;
  auto memory = util::PageBuffer::allocate(kind == Payload::zero ? block : pool + copies * block, pages);
  if (!memory) return tl::unexpected(util::with_context(memory.error(), "payload"));
  source.memory_ = std::move(*memory);
  source.places_ = source.memory_.data() + pool;
  util::Random random(seed);
  for (std::size_t at = 0; at < pool; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(source.memory_.data() + at, &word, sizeof word);
  }
  return source;
}

std::byte* PayloadSource::fill(std::uint64_t offset) {
  if (kind_ == Payload::zero) return memory_.data();
  lift_stamp();
  std::byte* block = memory_.data() + util::mix64(seed_ ^ offset) % kPoolPages * util::kPageSize;
  if (kind_ == Payload::random) return block;
  stamped_ = block;
  std::memcpy(under_stamp_.data(), block, kStampBytes);
  stamp(block, offset);
  return block;
}

std::byte* PayloadSource::fill(std::uint64_t offset, std::size_t place) {
  if (kind_ != Payload::stamp) return fill(offset);  // does not differ from place to place
  lift_stamp();
  std::byte* block = places_ + place * block_;
  std::memcpy(block, memory_.data() + util::mix64(seed_ ^ offset) % kPoolPages * util::kPageSize, block_);
  stamp(block, offset);
  return block;
}

void PayloadSource::lift_stamp() {
  if (stamped_ == nullptr) return;
  std::memcpy(stamped_, under_stamp_.data(), kStampBytes);
  stamped_ = nullptr;
}

void PayloadSource::stamp(std::byte* block, std::uint64_t offset) const {
  std::memcpy(block, &offset, sizeof offset);
  std::memcpy(block + sizeof offset, &seed_, sizeof seed_);
}

}  // namespace spliced::verify
