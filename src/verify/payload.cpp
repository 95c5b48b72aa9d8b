#include "spliced/verify/payload.h"

#include <bit>
#include <cstring>

#include "spliced/util/random.h"

namespace spliced::verify {

static_assert(std::endian::native == std::endian::little, "the stamp is stored as the machine's own u64");

util::Result<PayloadSource> PayloadSource::create(Payload kind, std::uint64_t seed, std::size_t block) {
  PayloadSource source;
  source.kind_ = kind;
  source.seed_ = seed;
  const std::size_t extra = kind == Payload::zero ? 0 : kPoolPages * util::kPageSize;
  auto pool = util::PageBuffer::allocate(block + extra);
  if (!pool) return tl::unexpected(util::with_context(pool.error(), "payload"));
  source.pool_ = std::move(*pool);
  if (kind == Payload::zero) return source;
  util::Random random(seed);
  for (std::size_t at = 0; at < source.pool_.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(source.pool_.data() + at, &word, sizeof word);
  }
  return source;
}

std::byte* PayloadSource::fill(std::uint64_t offset) {
  if (kind_ == Payload::zero) return pool_.data();
  std::byte* block = pool_.data() + util::mix64(seed_ ^ offset) % kPoolPages * util::kPageSize;
  if (kind_ == Payload::random) return block;
  // Windows overlap: the stamp of the last block goes before the next one is handed out.
  if (stamped_ != nullptr) std::memcpy(stamped_, under_stamp_.data(), kStampBytes);
  stamped_ = block;
  std::memcpy(under_stamp_.data(), block, kStampBytes);
  std::memcpy(block, &offset, sizeof offset);
  std::memcpy(block + sizeof offset, &seed_, sizeof seed_);
  return block;
}

}  // namespace spliced::verify
