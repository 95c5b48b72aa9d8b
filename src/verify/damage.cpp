// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/damage.h"

#include <algorithm>
#include <cstring>

#include "sector.h"

namespace spliced::verify {
namespace {

constexpr std::size_t kProbe = 64;            // bytes, that are found at one place only
constexpr std::size_t kHeaderMagicBytes = 8;  // "SPLICED" and the version

class Interval {
 public:
  Interval(std::span<const std::byte> data, std::uint64_t offset, const Expectation& expected, Rules rules)
      : data_(data), expected_(expected), rules_(rules) {
    out_.offset = offset;
    out_.length = data.size();
  }

  [[nodiscard]] IntervalDamage run() {
    look_at_sectors();
    if (out_.sectors.empty()) return out_;
    out_.expected = expected_.now.image->tag_at(out_.sectors.front().offset, expected_.now.pass);
    look_for_headers();
    if (out_.shift == 0) look_for_slip();
    tell_whose();
    return out_;
  }

 private:
  void look_at_sectors() {
    std::size_t right = 0;
    for (std::size_t at = 0; at < data_.size(); at += kSector) {
      const auto sector = data_.subspan(at).first<kSector>();
      const SectorDamage damage = diagnose_sector(sector, out_.offset + at, expected_, rules_);
      const bool good = damage.kind == Kind::ok || damage.kind == Kind::bitflip;
      if (good && tells_apart(out_.offset + at)) ++right;
      if (damage.kind != Kind::ok) out_.sectors.push_back(damage);
      out_.kind = std::min(out_.kind, damage.kind);
    }
    // A part of a write.
    if (out_.kind == Kind::stale && right > 0 && rules_.has(Rule::torn)) {
      out_.kind = Kind::torn;
      find_tag_of(Kind::stale);
    } else {
      find_tag_of(out_.kind);
    }
  }

  // Whether a place shows which pass wrote it.
  [[nodiscard]] bool tells_apart(std::uint64_t offset) const {
    const auto& [now, before] = expected_;
    if (now.image->has_tags()) return true;
    return before.image != nullptr && sector_of(now, offset) != sector_of(before, offset);
  }

  void find_tag_of(Kind kind) {
    for (const SectorDamage& sector : out_.sectors) {
      if (sector.kind != kind || !sector.found) continue;
      out_.found = sector.found;
      return;
    }
  }

  // A valid one where none belongs.
  void look_for_headers() {
    static constexpr std::array<std::byte, kHeaderMagicBytes> kMagic{std::byte{'S'}, std::byte{'P'}, std::byte{'L'},
                                                                     std::byte{'I'}, std::byte{'C'}, std::byte{'E'},
                                                                     std::byte{'D'}, std::byte{1}};
    auto from = data_.begin();
    while ((from = std::search(from, data_.end(), kMagic.begin(), kMagic.end())) != data_.end()) {
      const auto at = static_cast<std::size_t>(from - data_.begin());
      const auto header = read_header(data_.subspan(at));
      if (header && !is_right(at, *header)) return take_header(at, *header);
      ++from;
    }
  }

  [[nodiscard]] bool is_right(std::size_t at, const Header& found) const {
    const std::uint64_t offset = out_.offset + at;
    return expected_.now.image->has_header(offset) &&
           found == expected_.now.image->header_at(offset, expected_.now.pass);
  }

  // Of one that is at a header's place the tags tell more.
  void take_header(std::size_t at, const Header& header) {
    out_.header = header;
    if (expected_.now.image->has_header(out_.offset + at) || !rules_.has(Rule::slip)) return;
    const Origin& own = expected_.now.image->origin();
    const bool foreign = header.origin.job() != own.job() || header.origin.device != own.device;
    if (!foreign && header.offset == out_.offset + at) return;  // of a pass with smaller intervals
    if (!foreign) out_.shift = static_cast<std::int64_t>(out_.offset + at - header.offset);
    note(foreign ? Kind::foreign : Kind::misdirected);
    if (out_.found) return;
    out_.found = Tag{header.offset, header.pass, header.generation, header.origin.job(), header.origin.device};
  }

  // What was expected, some bytes before or behind its place.
  void look_for_slip() {
    const Image& image = *expected_.now.image;
    if (!rules_.has(Rule::slip) || !image.has_tags()) return;
    const std::size_t telling = kSector - image.plain_words() * sizeof(std::uint64_t);  // bytes, that come once only
    std::vector<std::byte> whole(data_.size());
    image.fill(whole, out_.offset, expected_.now.pass);
    for (const SectorDamage& sector : out_.sectors) {
      if (sector.kind != Kind::garbage) continue;
      const std::size_t at = sector.offset - out_.offset;
      for (std::size_t probe = at; probe + kProbe <= at + telling; probe += kProbe) {
        const auto part = data_.subspan(probe, kProbe);
        if (std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(probe))) continue;
        const auto found = std::search(whole.begin(), whole.end(), part.begin(), part.end());
        if (found == whole.end()) continue;
        out_.shift = static_cast<std::int64_t>(probe) - (found - whole.begin());
        return note(Kind::misdirected);
      }
    }
  }

  void note(Kind kind) { out_.kind = std::min(out_.kind, kind); }

  void tell_whose() {
    if (out_.kind != Kind::foreign || !out_.found) return;
    out_.other_device = out_.found->device != out_.expected.device;
    out_.other_job = out_.found->job != out_.expected.job;
  }

  const std::span<const std::byte> data_;
  const Expectation& expected_;
  const Rules rules_;
  IntervalDamage out_;
};

}  // namespace

bool is_blank(std::span<const std::byte> data) {
  if (data.empty() || (data.front() != std::byte{0} && data.front() != std::byte{0xff})) return false;
  return std::equal(data.begin() + 1, data.end(), data.begin());
}

IntervalDamage diagnose(std::span<const std::byte> data, std::uint64_t offset, const Expectation& expected,
                        Rules rules) {
  return Interval(data, offset, expected, rules).run();
}

}  // namespace spliced::verify
