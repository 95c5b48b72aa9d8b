#include "spliced/verify/payload.h"

#include <bit>
#include <cstring>

#include "spliced/util/random.h"

namespace spliced::verify {

static_assert(std::endian::native == std::endian::little, "the stamp is stored as the machine's own u64");

util::Result<PayloadSource> PayloadSource::create(Payload kind, std::uint64_t seed, std::size_t block,
                                                  std::size_t places) {
  PayloadSource source;
  source.kind_ = kind;
  source.seed_ = seed;
  source.block_ = block;
  const auto allocate = [](std::size_t bytes, util::PageBuffer& out) -> util::Status {
    auto buffer = util::PageBuffer::allocate(bytes, util::Pages::huge);
    if (!buffer) return tl::unexpected(util::with_context(buffer.error(), "payload"));
    out = std::move(*buffer);
    return {};
  };
  if (kind == Payload::zero) {
    if (auto status = allocate(block, source.places_); !status) return tl::unexpected(status.error());
    return source;
  }
  if (auto status = allocate(block + kPoolPages * util::kPageSize, source.pool_); !status) {
    return tl::unexpected(status.error());
  }
  if (kind == Payload::stamp && places > 1) {
    if (auto status = allocate(block * places, source.places_); !status) return tl::unexpected(status.error());
  }
  util::Random random(seed);
  for (std::size_t at = 0; at < source.pool_.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(source.pool_.data() + at, &word, sizeof word);
  }
  return source;
}

std::byte* PayloadSource::fill(std::uint64_t offset) {
  if (kind_ == Payload::zero) return places_.data();
  lift_stamp();
  std::byte* block = pool_.data() + util::mix64(seed_ ^ offset) % kPoolPages * util::kPageSize;
  if (kind_ == Payload::random) return block;
  stamped_ = block;
  std::memcpy(under_stamp_.data(), block, kStampBytes);
  stamp(block, offset);
  return block;
}

std::byte* PayloadSource::fill(std::uint64_t offset, std::size_t place) {
  if (kind_ != Payload::stamp) return fill(offset);  // does not differ from place to place
  lift_stamp();
  std::byte* block = places_.data() + place * block_;
  std::memcpy(block, pool_.data() + util::mix64(seed_ ^ offset) % kPoolPages * util::kPageSize, block_);
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
