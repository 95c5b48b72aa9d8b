// SPDX-License-Identifier: Apache-2.0
// The first rule that holds decides.
#include "sector.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace spliced::verify {
namespace {

constexpr std::uint32_t kFewBits = 64;
constexpr std::size_t kLeastTorn = 8;  // bytes that differ
constexpr std::size_t kRun = 8;        // bytes that have become all zeros or ones
constexpr std::size_t kPart = 64;      // bytes in a row that show whose they are,
constexpr int kBitsInPart = 16;        // even with so many bits flipped
constexpr std::size_t kMostTags = 4;

using Bytes = std::span<const std::byte, kSector>;

struct Difference {
  std::size_t bytes = 0;
  std::uint32_t bits = 0;
  std::size_t first = kSector, last = 0;
};

Difference compare(Bytes data, Bytes expected) {
  Difference out;
  for (std::size_t i = 0; i < kSector; ++i) {
    const auto wrong = std::to_integer<unsigned>(data[i] ^ expected[i]);
    if (wrong == 0) continue;
    out.bits += static_cast<std::uint32_t>(std::popcount(wrong));
    ++out.bytes;
    out.first = std::min(out.first, i);
    out.last = i;
  }
  return out;
}

std::optional<std::byte> repeated_in(Bytes data, const Difference& wrong) {
  const auto run = data.subspan(wrong.first, wrong.last - wrong.first + 1);
  const bool one = std::all_of(run.begin(), run.end(), [&](std::byte b) { return b == run.front(); });
  return one ? std::optional(run.front()) : std::nullopt;
}

bool is_blank(std::optional<std::byte> byte) {
  return byte == std::byte{0} || byte == std::byte{0xff};
}
Kind blank_kind(std::byte byte) {
  return byte == std::byte{0} ? Kind::zeroed : Kind::ones;
}

// With the bytes beside it that had that value before.
std::size_t run_around(Bytes data, const Difference& wrong, std::byte byte) {
  std::size_t first = wrong.first, last = wrong.last;
  while (first > 0 && data[first - 1] == byte) --first;
  while (last + 1 < kSector && data[last + 1] == byte) ++last;
  return last - first + 1;
}

// What a place may hold instead.
struct Other {
  Kind kind = Kind::ok;
  std::optional<Tag> tag;
  Sector data{};
  bool by_header = false;  // which alone tells of it: then all of it must be there
};

// Where `data` begins as one and goes on as the other; 0: nowhere.
std::size_t seam(Bytes data, Bytes head, Bytes tail) {
  const auto apart = std::mismatch(data.begin(), data.end(), head.begin()).first;
  const auto at = static_cast<std::size_t>(apart - data.begin());
  if (at == 0 || at == kSector) return 0;
  return std::equal(apart, data.end(), tail.begin() + static_cast<std::ptrdiff_t>(at)) ? at : 0;
}

int bits_apart(std::byte a, std::byte b) {
  return std::popcount(std::to_integer<unsigned>(a ^ b));
}

// Behind the first `from` bytes.
bool has_part_of(Bytes data, Bytes whole, std::size_t from) {
  int bits = 0;
  for (std::size_t i = from; i < kSector; ++i) {
    bits += bits_apart(data[i], whole[i]);
    if (i >= from + kPart) bits -= bits_apart(data[i - kPart], whole[i - kPart]);
    if (i + 1 >= from + kPart && bits <= kBitsInPart) return true;
  }
  return false;
}

class Diagnosis {
 public:
  Diagnosis(Bytes data, std::uint64_t offset, const Expectation& expected, Rules rules)
      : data_(data), offset_(offset), expected_(expected), rules_(rules), should_be_(sector_of(expected.now, offset)) {}

  [[nodiscard]] SectorDamage run() {
    out_.offset = offset_;
    wrong_ = compare(data_, should_be_);
    if (wrong_.bytes == 0) return out_;
    out_.first = static_cast<std::uint32_t>(wrong_.first);
    out_.last = static_cast<std::uint32_t>(wrong_.last);
    out_.bits = wrong_.bits;
    out_.repeated = repeated_in(data_, wrong_);
    find_others();
    if (!is_other() && !is_torn() && !has_few_bits() && !is_part_of_other() && !is_blank_run())
      out_.kind = Kind::garbage;
    return out_;
  }

 private:
  // The tags that are in it come first: they tell of other jobs and places, too.
  void find_others() {
    const Image& image = *expected_.now.image;
    if (image.has_tags() && !verify::is_blank(data_)) {
      std::array<Tag, kMostTags> tags;
      const std::size_t count = find_tags(data_, image.plain_words(), tags);
      for (std::size_t i = 0; i < count; ++i) add(tags[i]);
    }
    if (has_header()) add_header();
    std::stable_sort(others_.begin(), others_.end(), [](const Other& a, const Other& b) { return a.kind < b.kind; });
    const Generation& before = expected_.before;
    if (before.image == nullptr || !rules_.has(Rule::before)) return;
    const bool same_data = before.image->has_tags() && image.has_tags() && before.pass == expected_.now.pass;
    if (same_data) return;
    others_.push_back({Kind::stale, std::nullopt, sector_of(before, offset_), false});
    if (before.image->has_tags()) others_.back().tag = before.image->tag_at(offset_, before.pass);
  }

  [[nodiscard]] bool has_header() const { return expected_.now.image->has_header(offset_); }

  void add(const Tag& tag) {
    const Tag own = expected_.now.image->tag_at(offset_, expected_.now.pass);
    const Kind kind = relation(tag, own, rules_);
    if (kind == Kind::ok || is_damaged_copy(tag, own) || is_of_before(tag)) return;
    Other other{kind, tag, {}, false};
    const bool same_image = kind == Kind::stale && expected_.before.image != nullptr &&
                            expected_.before.image->has_tags() && expected_.before.pass == tag.pass;
    (same_image ? expected_.before.image : expected_.now.image)->fill_sector(tag, other.data);
    if (has_header()) give_header(tag, other.data);
    others_.push_back(other);
  }

  // What the job itself wrote there before, perhaps with another seed.
  [[nodiscard]] bool is_of_before(const Tag& tag) const {
    const Generation& before = expected_.before;
    return rules_.has(Rule::before) && before.image != nullptr && before.image->has_tags() &&
           before.pass != expected_.now.pass && tag == before.image->tag_at(offset_, before.pass);
  }

  // The one that is there, where it fits the tag; else as the image would have it.
  void give_header(const Tag& tag, Sector& out) const {
    const auto found = read_header(data_.first<kHeaderBytes>());
    const bool fits = found && found->offset == tag.offset && found->pass == tag.pass &&
                      found->origin.device == tag.device && found->origin.job() == tag.job;
    if (fits) {
      std::memcpy(out.data(), data_.data(), kHeaderBytes);
    } else {
      write_header(expected_.now.image->header_at(tag.offset, tag.pass), out.data());
    }
  }

  // Where data has no tags, all that tells whose it is; where it has, too little of them may be left. In doubt the tag
  // counts.
  void add_header() {
    const Image& image = *expected_.now.image;
    const auto found = read_header(data_.first<kHeaderBytes>());
    if (!found) return;
    const Tag tag{found->offset, found->pass, found->generation, found->origin.job(), found->origin.device};
    const bool known = std::any_of(others_.begin(), others_.end(), [&](const Other& one) { return one.tag == tag; });
    const Kind kind = relation(tag, image.tag_at(offset_, expected_.now.pass), rules_);
    if (kind == Kind::ok || known || is_of_before(tag)) return;
    Other other{kind, tag, should_be_, image.has_tags()};
    if (image.has_tags()) image.fill_sector(tag, other.data);
    std::memcpy(other.data.data(), data_.data(), kHeaderBytes);
    others_.push_back(other);
  }

  void decide(const Other& other, bool damaged) {
    out_.kind = other.kind;
    out_.found = other.tag;
    out_.damaged = damaged;
  }

  [[nodiscard]] bool is_other() {
    for (const Other& other : others_) {
      if (!std::equal(data_.begin(), data_.end(), other.data.begin())) continue;
      decide(other, false);
      return true;
    }
    return false;
  }

  [[nodiscard]] bool is_torn() {
    if (!rules_.has(Rule::torn) || wrong_.bytes < kLeastTorn) return false;
    for (const Other& other : others_) {
      if (other.kind != Kind::stale) continue;
      std::size_t at = seam(data_, should_be_, other.data);
      if (at == 0) at = seam(data_, other.data, should_be_);
      if (at == 0) continue;
      tear(other, at, false);
      return true;
    }
    return false;
  }

  void tear(const Other& other, std::size_t at, bool damaged) {
    decide(other, damaged);
    out_.kind = Kind::torn;
    out_.torn_at = static_cast<std::uint32_t>(at);
  }

  [[nodiscard]] bool has_few_bits() {
    if (!rules_.has(Rule::few_bits) || wrong_.bits > kFewBits) return false;
    out_.kind = Kind::bitflip;
    if (rules_.has(Rule::run_of_eight) && is_blank(out_.repeated) &&
        run_around(data_, wrong_, *out_.repeated) >= kRun) {
      out_.kind = blank_kind(*out_.repeated);
    }
    return true;
  }

  // A tag, or what is but for some bits what was there before.
  [[nodiscard]] bool is_part_of_other() {
    if (!rules_.has(Rule::part_of_tag)) return false;
    const std::size_t from = has_header() ? kHeaderBytes : 0;  // those of two passes are alike
    for (const Other& other : others_) {
      if (other.by_header) continue;
      const bool is_found = has_part_of(data_, other.data, from) || compare(data_, other.data).bits <= kFewBits;
      if (!is_found) continue;
      if (other.kind == Kind::stale && has_part_of(data_, should_be_, from)) {
        tear(other, 0, true);
      } else {
        decide(other, true);
      }
      return true;
    }
    return false;
  }

  [[nodiscard]] bool is_blank_run() {
    if (!rules_.has(Rule::one_run) || !is_blank(out_.repeated)) return false;
    out_.kind = blank_kind(*out_.repeated);
    return true;
  }

  const Bytes data_;
  const std::uint64_t offset_;
  const Expectation& expected_;
  const Rules rules_;
  const Sector should_be_;
  Difference wrong_;
  std::vector<Other> others_;
  SectorDamage out_;
};

}  // namespace

Sector sector_of(const Generation& generation, std::uint64_t offset) {
  Sector out;
  generation.image->fill(out, offset, generation.pass);
  return out;
}

Kind relation(const Tag& found, const Tag& expected, Rules rules) {
  if (rules.has(Rule::job) && found.job != expected.job) return Kind::foreign;
  if (rules.has(Rule::device) && found.device != expected.device) return Kind::foreign;
  if (rules.has(Rule::place) && found.offset != expected.offset) return Kind::misdirected;
  if (!rules.has(Rule::age)) return Kind::ok;
  const auto of = [](const Tag& tag) { return std::pair(tag.pass, tag.generation); };
  return of(found) < of(expected) ? Kind::stale : of(found) > of(expected) ? Kind::ahead : Kind::ok;
}

SectorDamage diagnose_sector(std::span<const std::byte, kSector> data, std::uint64_t offset,
                             const Expectation& expected, Rules rules) {
  return Diagnosis(data, offset, expected, rules).run();
}

}  // namespace spliced::verify
