// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/image.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "kernels.h"
#include "spliced/util/random.h"

namespace spliced::verify {
namespace {

std::size_t plain_words_of(const Payload& payload) {
  return payload.kind == PayloadKind::random ? kSectorWords * std::min(payload.compress, 100U) / 100 : 0;
}

std::vector<std::uint64_t> pool_without(std::size_t plain) {
  if (plain == 0) return {};
  std::vector<std::uint64_t> out(pool().begin(), pool().end());
  for (std::size_t end = kSectorWords; end <= out.size(); end += kSectorWords) {
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(end - plain), plain, 0);
  }
  return out;
}

bool is_header(const Header& expected, const std::byte* data) {
  std::uint64_t wrong = 0;
  for (const std::uint64_t word : words_of(expected)) {
    std::uint64_t found = 0;
    std::memcpy(&found, data, sizeof found);
    wrong |= word ^ found;
    data += sizeof found;
  }
  return wrong == 0;
}

std::vector<std::byte> repeat(const std::string& pattern) {
  std::vector<std::byte> out(pattern.size() + kSector);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(pattern[i % pattern.size()]);
  return out;
}

}  // namespace

std::uint32_t interval_for(std::uint64_t block, std::uint64_t offset) {
  const std::uint64_t both = block | offset | kLargestDefaultInterval;
  const std::uint64_t out = both & ~(both - 1);  // the lowest bit
  return out < kSmallestInterval ? 0 : static_cast<std::uint32_t>(out);
}

Image::Image(Payload payload, const Origin& origin)
    : payload_(std::move(payload)),
      origin_(origin),
      job_(origin.job()),
      place_key_(util::mix64(job_ ^ std::rotl(origin.device, 32))),
      interval_(payload_.header ? payload_.interval : 0),
      plain_(plain_words_of(payload_)),
      own_pool_(pool_without(plain_)),
      pool_(reinterpret_cast<const std::byte*>(own_pool_.empty() ? pool().data() : own_pool_.data())) {
  if (payload_.kind == PayloadKind::zero || payload_.pattern.empty()) payload_.pattern.assign(1, '\0');
  if (!has_tags()) repeated_ = repeat(payload_.pattern);
}

Tag Image::tag_at(std::uint64_t offset, std::uint32_t pass) const {
  return {offset, pass, 0, job_, origin_.device};
}

Header Image::header_at(std::uint64_t offset, std::uint32_t pass) const {
  Header out{origin_, offset, pass, 0, 0, 0, 0};
  out.interval_log2 = static_cast<std::uint8_t>(std::countr_zero(interval_));
  out.payload = static_cast<std::uint8_t>(static_cast<unsigned>(payload_.kind) + 1);
  out.compress = static_cast<std::uint8_t>(payload_.compress);
  return out;
}

PassKeys Image::keys_of(std::uint32_t pass) const {
  const std::uint64_t u = util::mix64(std::uint64_t{pass} << 32);
  return {u + place_key_, u, job_, origin_.device};
}

std::size_t Image::sectors_to_next_header(std::uint64_t offset, std::size_t most) const {
  if (interval_ == 0) return most;
  return std::min<std::size_t>(most, (interval_ - (offset & (interval_ - 1))) / kSector);
}

void Image::fill_sectors(std::byte* out, std::uint64_t offset, std::size_t sectors, std::uint32_t pass) const {
  if (has_tags()) return best_kernels().fill(pool_, keys_of(pass), offset, sectors, out);
  for (; sectors > 0; --sectors, offset += kSector, out += kSector) {
    std::memcpy(out, repeated_.data() + offset % payload_.pattern.size(), kSector);
  }
}

bool Image::is_alike_everywhere() const {
  return !has_tags() && kSector % payload_.pattern.size() == 0;
}

void Image::fill_headers(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const {
  if (interval_ == 0) return;
  for (std::uint64_t at = (interval_ - offset % interval_) % interval_; at + kHeaderBytes <= out.size();
       at += interval_) {
    write_header(header_at(offset + at, pass), out.data() + at);
  }
}

// Interval by interval, as long as the first of it is still near the CPU.
void Image::fill(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const {
  if (offset % kSector != 0 || out.size() % kSector != 0) return fill_part(out, offset, pass);
  std::size_t left = out.size() / kSector;
  for (std::byte* to = out.data(); left > 0;) {
    const std::size_t sectors = sectors_to_next_header(offset, left);
    fill_sectors(to, offset, sectors, pass);
    if (has_header(offset)) write_header(header_at(offset, pass), to);
    to += sectors * kSector;
    offset += sectors * kSector;
    left -= sectors;
  }
}

// Of what begins or ends within a sector, through a sector of its own.
void Image::fill_part(std::span<std::byte> out, std::uint64_t offset, std::uint32_t pass) const {
  std::array<std::byte, kSector> sector;
  while (!out.empty()) {
    const std::size_t into = offset % kSector;
    const std::size_t bytes = std::min(kSector - into, out.size());
    fill(sector, offset - into, pass);
    std::memcpy(out.data(), sector.data() + into, bytes);
    out = out.subspan(bytes);
    offset += bytes;
  }
}

std::size_t Image::check(std::span<const std::byte> data, std::uint64_t offset, std::uint32_t pass) const {
  return check_with(best_kernels(), data, offset, pass);
}

std::size_t Image::check_portably(std::span<const std::byte> data, std::uint64_t offset, std::uint32_t pass) const {
  return check_with(portable_kernels(), data, offset, pass);
}

std::size_t Image::check_with(const Kernels& kernels, std::span<const std::byte> data, std::uint64_t offset,
                              std::uint32_t pass) const {
  const PassKeys keys = keys_of(pass);
  for (std::size_t done = 0; done < data.size();) {
    const std::byte* const from = data.data() + done;
    const std::size_t sectors = sectors_to_next_header(offset, (data.size() - done) / kSector);
    if (sectors == 0) return done;
    std::size_t skip = 0;
    if (has_header(offset)) {
      if (!is_header(header_at(offset, pass), from)) return done;
      skip = kHeaderBytes;
    }
    const std::size_t right = has_tags() ? kernels.check(pool_, keys, offset, sectors, skip, from)
                                         : check_repeated(kernels, offset, sectors, skip, from);
    if (right < sectors) return done + right * kSector;
    done += sectors * kSector;
    offset += sectors * kSector;
  }
  return data.size();
}

std::size_t Image::check_repeated(const Kernels& kernels, std::uint64_t offset, std::size_t sectors, std::size_t skip,
                                  const std::byte* data) const {
  if (kRepeated % payload_.pattern.size() == 0) return kernels.check_repeated(repeated_.data(), sectors, skip, data);
  for (std::size_t i = 0; i < sectors; ++i, offset += kSector, data += kSector, skip = 0) {
    const std::byte* const expected = repeated_.data() + offset % payload_.pattern.size();
    if (std::memcmp(expected + skip, data + skip, kSector - skip) != 0) return i;
  }
  return sectors;
}

void Image::fill_sector(const Tag& tag, std::span<std::byte, kSector> out) const {
  const std::uint64_t u = util::mix64(std::uint64_t{tag.pass} << 32 | tag.generation);
  const PassKeys keys{u + util::mix64(tag.job ^ std::rotl(tag.device, 32)), u, tag.job, tag.device};
  best_kernels().fill(pool_, keys, tag.offset, 1, out.data());
}

}  // namespace spliced::verify
