// SPDX-License-Identifier: Apache-2.0
#include "expectation.h"

#include <algorithm>
#include <array>

namespace spliced::run {

namespace {

constexpr std::size_t kTrace = 64;  // bytes of a sector that are as expected, where there are no tags

}  // namespace

using verify::Header;
using verify::Image;

bool FoundData::is_wanted(const Header& header) const {
  return (!wanted_.run || *wanted_.run == header.origin.run) && (!wanted_.seed || *wanted_.seed == header.origin.seed);
}

bool FoundData::learn(std::span<const std::byte> data, std::uint64_t offset) {
  for (std::size_t at = 0; !image_ && at + verify::kSector <= data.size(); at += verify::kSector) {
    const auto header = verify::read_header(data.subspan(at));
    if (!header || header->offset != offset + at || !is_wanted(*header)) continue;
    if (header->interval_log2 < 9 || header->interval_log2 > 30) continue;
    const auto kind = static_cast<verify::PayloadKind>(header->payload - 1);
    verify::Payload payload = wanted_.payload.value_or(verify::Payload{});
    if (!wanted_.payload) payload.kind = kind;
    if (payload.kind != kind || (kind == verify::PayloadKind::pattern && payload.pattern.empty())) continue;
    payload.compress = header->compress;
    payload.interval = std::uint32_t{1} << header->interval_log2;
    payload.header = true;
    verify::Origin origin = header->origin;
    origin.device = wanted_.device.value_or(origin.device);
    image_ = std::make_shared<const Image>(std::move(payload), origin);
    last_ = header->pass;
  }
  return image_ != nullptr;
}

namespace {

bool has_bytes_of(std::span<const std::byte> sector, const Image& image, std::uint64_t offset, std::uint32_t pass) {
  std::array<std::byte, verify::kSector> expected;
  image.fill(expected, offset, pass);
  std::size_t alike = 0;
  for (std::size_t i = 0; i < verify::kSector; ++i) alike += sector[i] == expected[i] ? 1 : 0;
  return alike >= kTrace;
}

}  // namespace

FoundData::Trace FoundData::look_at_sector(std::span<const std::byte> sector, std::uint64_t offset) const {
  Trace out;
  if (verify::is_blank(sector)) return out;
  if (!image_->has_tags()) {
    out.any = has_bytes_of(sector, *image_, offset, last_.load());
    return out;
  }
  std::array<verify::Tag, 4> tags;
  const std::size_t count = verify::find_tags(sector, image_->plain_words(), tags);
  for (const verify::Tag& tag : std::span(tags).first(count)) {
    const verify::Tag here = image_->tag_at(offset, tag.pass);
    if (tag.job != here.job) continue;
    out.any = true;  // on another device, too: that is damage
    if (tag == here) out.pass = tag.pass;
  }
  return out;
}

// By its header; where that is not right, by the tags.
FoundData::Trace FoundData::look_at(std::span<const std::byte> interval, std::uint64_t offset) const {
  Trace out;
  const auto header = image_->has_header(offset) ? verify::read_header(interval) : std::nullopt;
  if (header && *header == image_->header_at(offset, header->pass)) return {true, header->pass};
  if (header && !image_->has_tags() && header->origin != image_->origin()) return out;
  for (std::size_t at = 0; at + verify::kSector <= interval.size() && !out.pass; at += verify::kSector) {
    const Trace sector = look_at_sector(interval.subspan(at, verify::kSector), offset + at);
    out.any = out.any || sector.any;
    out.pass = sector.pass;
  }
  return out;
}

// Intervals of one pass are told together.
WriteHistory::Piece FoundData::at(const Place& place, std::span<const std::byte> data) const {
  using Certainty = WriteHistory::Certainty;
  if (!image_) return {data.size(), Certainty::unknown, {}};
  const std::uint64_t interval = image_->interval();
  std::optional<std::uint32_t> pass;
  std::size_t length = 0, untraced = 0;
  while (length < data.size()) {
    const std::uint64_t offset = place.offset + length;
    const std::size_t bytes = std::min<std::uint64_t>(interval - offset % interval, data.size() - length);
    const auto part = data.subspan(length, bytes);
    const Trace found = look_at(part, offset);
    const bool is_missing = !found.any && !is_whole_;
    const std::uint32_t told = found.pass.value_or(last_.load());
    if (length != 0 && (is_missing != (untraced != 0) || (!is_missing && told != *pass))) break;
    if (is_missing) untraced += bytes;
    pass = told;
    length += bytes;
  }
  if (untraced != 0) return {length, Certainty::untraced, {}};
  last_ = *pass;
  return {length, Certainty::known, {image_.get(), *pass}};
}

// Right but for its first bytes, where another stage of that job has a header, or has none: its intervals were others.
bool FoundData::is_of_other_layout(std::span<const std::byte> sector, std::uint64_t offset, std::uint32_t pass) const {
  if (!image_->has_tags()) return false;
  std::array<std::byte, verify::kSector> tagged;
  image_->fill_sector(image_->tag_at(offset, pass), tagged);
  const auto behind = sector.subspan(verify::kHeaderBytes);
  if (!std::equal(behind.begin(), behind.end(), tagged.begin() + verify::kHeaderBytes)) return false;
  const auto header = verify::read_header(sector);
  if (!header) return std::equal(sector.begin(), sector.end(), tagged.begin());
  return header->origin == image_->origin() && header->offset == offset && header->pass == pass;
}

// Each sector that is wrong has another pass, or nothing of it.
bool FoundData::may_be_cut_off(std::span<const std::byte> interval, std::uint64_t offset, std::uint32_t pass) const {
  for (std::size_t at = 0; at + verify::kSector <= interval.size(); at += verify::kSector) {
    const auto sector = interval.subspan(at, verify::kSector);
    const auto is_right = [&](std::uint32_t in) { return image_->check(sector, offset + at, in) == sector.size(); };
    if (is_right(pass)) continue;
    const Trace found = look_at_sector(sector, offset + at);
    if (found.pass && is_of_other_layout(sector, offset + at, *found.pass)) continue;
    if (is_whole_) return false;
    if (found.pass ? !is_right(*found.pass) : found.any) return false;
  }
  return true;
}

}  // namespace spliced::run
