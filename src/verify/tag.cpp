// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/tag.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "spliced/util/hex.h"
#include "spliced/util/random.h"

namespace spliced::verify {

using util::mix64;

static_assert(std::endian::native == std::endian::little, "all numbers on a disk are little endian");

namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kPoolKey = 0x53504c49434544ULL;  // "DECILPS"
constexpr std::size_t kSlots = kPoolBytes / kSector;
constexpr std::size_t kWords = std::tuple_size_v<TagWords>;

constexpr std::array<std::uint64_t, kPoolWords> make_pool() {
  std::array<std::uint64_t, kPoolWords> out{};
  for (std::uint64_t i = 0; i < kPoolWords; ++i) out[i] = mix64(i * kGolden + kPoolKey);
  return out;
}
alignas(64) constexpr std::array<std::uint64_t, kPoolWords> kPool = make_pool();

// y = x ^ x >> bits, the other way round.
constexpr std::uint64_t unshift(std::uint64_t y, unsigned bits) {
  std::uint64_t x = y;
  for (unsigned done = bits; done < 64; done += bits) x = y ^ (x >> bits);
  return x;
}

// Modulo 2^64, of an odd number: Newton's iteration doubles the bits that are right.
constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}

constexpr std::uint64_t unmix64(std::uint64_t x) {
  x = unshift(x, 31) * inverse(0x94d049bb133111ebULL);
  x = unshift(x, 27) * inverse(0xbf58476d1ce4e5b9ULL);
  return unshift(x, 30) - kGolden;
}
static_assert(unmix64(mix64(0x0123456789abcdefULL)) == 0x0123456789abcdefULL);

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t index) {
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data() + index * sizeof out, sizeof out);
  return out;
}

std::uint64_t pass_key(const Tag& tag) {
  return mix64(std::uint64_t{tag.pass} << 32 | tag.generation);
}
std::uint64_t origin_key(const Tag& tag) {
  return mix64(tag.job ^ std::rotl(tag.device, 32));
}

}  // namespace

std::optional<RunId> run_id_of(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  const auto bytes = util::from_hex(digits);
  RunId out{};
  if (!bytes || bytes->size() != out.size()) return std::nullopt;
  std::memcpy(out.data(), bytes->data(), out.size());
  return out;
}

std::uint64_t device_identity(std::string_view known_by) {
  std::uint64_t out = 0;
  for (std::size_t at = 0; at < known_by.size(); at += sizeof out) {
    std::uint64_t word = 0;
    std::memcpy(&word, known_by.data() + at, std::min(sizeof word, known_by.size() - at));
    out = mix64(out ^ word);
  }
  return mix64(out ^ known_by.size());
}

std::uint64_t Origin::job() const {
  return mix64(mix64(mix64(word_at(run, 0)) ^ word_at(run, 1)) ^ seed);
}

TagWords words_of(const Tag& tag) {
  const std::uint64_t u = pass_key(tag);
  const std::uint64_t w0 = mix64(tag.offset + u + origin_key(tag));
  return {w0, u ^ std::rotl(w0, 32), tag.job ^ std::rotl(w0, 16), tag.device ^ std::rotl(w0, 48)};
}

Tag tag_of(const TagWords& words) {
  Tag out;
  const std::uint64_t u = words[1] ^ std::rotl(words[0], 32);
  out.pass = static_cast<std::uint32_t>(unmix64(u) >> 32);
  out.generation = static_cast<std::uint32_t>(unmix64(u));
  out.job = words[2] ^ std::rotl(words[0], 16);
  out.device = words[3] ^ std::rotl(words[0], 48);
  out.offset = unmix64(words[0]) - u - origin_key(out);
  return out;
}

const std::array<std::uint64_t, kPoolWords>& pool() {
  return kPool;
}

namespace {

// Bits that may differ between two words of which one is a damaged copy of the other. Of two tags, 32 of 64 do.
constexpr int kAlike = 8;

bool are_alike(std::uint64_t a, std::uint64_t b) {
  return std::popcount(a ^ b) <= kAlike;
}

using SectorWords = std::array<std::uint64_t, kSectorWords>;

// Of what was XORed with a part of the pool, but for the last `plain` words.
class Bare {
 public:
  Bare(const SectorWords& data, std::size_t slot, std::size_t plain)
      : data_(data), pool_(&kPool[slot * kSectorWords]), pooled_(kSectorWords - plain) {}
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const { return i < pooled_ ? data_[i] ^ pool_[i] : data_[i]; }

 private:
  const SectorWords& data_;
  const std::uint64_t* const pool_;
  const std::size_t pooled_;
};

// Bit i: word i comes again four words on. Of the `first` and each `step`th after it.
std::uint64_t find_repeated(const Bare& words, std::size_t first, std::size_t step) {
  std::uint64_t out = 0;
  for (std::size_t i = first; i + kWords < kSectorWords; i += step) {
    if (are_alike(words[i], words[i + kWords])) out |= std::uint64_t{1} << i;
  }
  return out;
}

// Bit i: so do the four from word i on. Of any four in a row one is at each fourth place.
std::uint64_t find_repeated_tags(const Bare& words) {
  if (find_repeated(words, kWords - 1, kWords) == 0) return 0;
  const std::uint64_t one = find_repeated(words, 0, 1);
  return one & one >> 1 & one >> 2 & one >> 3;
}

// Each bit as most of the copies of a word have it, so that flipped bits do not matter, nor the same bit flipped in two
// of them, which would look like a tag of its own.
std::uint64_t most_common(const Bare& words, std::size_t at) {
  std::array<unsigned, 64> ones{};
  unsigned copies = 0;
  for (std::size_t i = at % kWords; i < kSectorWords; i += kWords) {
    if (!are_alike(words[i], words[at])) continue;
    ++copies;
    for (std::size_t bit = 0; bit < ones.size(); ++bit) ones[bit] += (words[i] >> bit & 1) != 0 ? 1 : 0;
  }
  std::uint64_t out = 0;
  for (std::size_t bit = 0; bit < ones.size(); ++bit) {
    const bool set = 2 * ones[bit] == copies ? (words[at] >> bit & 1) != 0 : 2 * ones[bit] > copies;
    out |= std::uint64_t{set} << bit;
  }
  return out;
}

TagWords words_at(const Bare& words, std::size_t at) {
  TagWords out;
  for (std::size_t i = at; i < at + kWords; ++i) out[i % kWords] = words[i];
  return out;
}

TagWords most_common_around(const Bare& words, std::size_t at) {
  TagWords out;
  for (std::size_t i = at; i < at + kWords; ++i) out[i % kWords] = most_common(words, i);
  return out;
}

bool are_alike(const TagWords& a, const TagWords& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](auto one, auto other) { return are_alike(one, other); });
}

// Those that were found, for the next word tells of the same tag.
class TagList {
 public:
  explicit TagList(std::span<Tag> out) : out_(out.first(std::min(out.size(), words_.size()))) {}
  [[nodiscard]] bool is_full() const { return count_ == out_.size(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool has(const TagWords& words) const {
    const auto end = words_.begin() + static_cast<std::ptrdiff_t>(count_);
    return std::any_of(words_.begin(), end, [&](const TagWords& known) { return are_alike(known, words); });
  }
  void add(const Tag& tag, const TagWords& words) {
    words_[count_] = words;
    out_[count_++] = tag;
  }

 private:
  const std::span<Tag> out_;
  std::array<TagWords, 8> words_{};
  std::size_t count_ = 0;
};

}  // namespace

bool is_damaged_copy(const Tag& one, const Tag& of) {
  return one != of && are_alike(words_of(one), words_of(of));
}

namespace {

bool fits(const Tag& tag, std::size_t slot) {
  return tag.offset % kSector == 0 && tag.offset % kPoolBytes / kSector == slot && tag.generation == 0;
}

// The tag of a sector that holds nothing else, as one has that lies elsewhere as a whole.
std::optional<Tag> find_only_tag(const SectorWords& data, std::size_t plain) {
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    const Bare bare(data, slot, plain);
    std::size_t alike = 0;
    while (alike + kWords < kSectorWords && bare[alike] == bare[alike + kWords]) ++alike;
    if (alike + kWords < kSectorWords) continue;
    const Tag tag = tag_of(words_at(bare, 0));
    if (fits(tag, slot)) return tag;
  }
  return std::nullopt;
}

}  // namespace

// The words of a tag come again after each four, which those of no other data do: in each of the four at most eight of
// 64 bits may differ. Nor has other data an offset that fits the part of the pool it was found with and generation 0.
std::size_t find_tags(std::span<const std::byte> sector, std::size_t plain, std::span<Tag> out) {
  SectorWords data;
  std::memcpy(data.data(), sector.data(), kSector);
  TagList found(out);
  if (const auto only = find_only_tag(data, plain); only && !out.empty()) {
    out[0] = *only;
    return 1;
  }
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    const Bare bare(data, slot, plain);
    TagWords seen{};  // last, in this part of the pool
    for (std::uint64_t rest = find_repeated_tags(bare); rest != 0 && !found.is_full(); rest &= rest - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(rest));
      const TagWords here = words_at(bare, at);
      if (std::exchange(seen, here) == here || found.has(here)) continue;
      const TagWords words = most_common_around(bare, at);
      const Tag tag = tag_of(words);
      if (fits(tag, slot)) found.add(tag, words);
    }
  }
  return found.count();
}

}  // namespace spliced::verify
