// SPDX-License-Identifier: Apache-2.0
#include "verifier.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <vector>

#include "spliced/util/cpus.h"

namespace spliced::run {

using Certainty = WriteHistory::Certainty;
using verify::Generation;

namespace {

// Goes to another CPU than it is on, if it may, and back at the end.
class OtherCpu {
 public:
  OtherCpu() : before_(util::allowed_cpus()) {
    const int here = ::sched_getcpu();
    for (const unsigned cpu : before_) {
      if (static_cast<int>(cpu) == here) continue;
      (void)util::run_on_cpus({cpu});
      return;
    }
  }
  ~OtherCpu() { (void)util::run_on_cpus(before_); }
  OtherCpu(const OtherCpu&) = delete;
  OtherCpu& operator=(const OtherCpu&) = delete;

 private:
  const util::CpuList before_;
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void compare(std::span<const std::byte> found, std::span<const std::byte> expected, Miscompare& out) {
  bool any = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto wrong = std::to_integer<unsigned>(found[i] ^ expected[i]);
    if (wrong == 0) continue;
    if (!any) out.first = i;
    any = true;
    out.last = i;
    out.bits += static_cast<unsigned>(std::popcount(wrong));
  }
}

}  // namespace

void Verifier::check_read(const engine::IoSlot& slot) {
  if (slot.outcome != engine::Outcome::done || slot.data == nullptr) return counters_.unread_bytes.add(slot.length);
  const std::uint64_t length = slot.moved / verify::kSector * verify::kSector;
  bool judged = false;
  for (std::uint64_t done = 0; done < length;) {
    const Place place{slot.offset + done, slot.round, slot.position};
    const Data rest(slot.data + done, length - done);
    const WriteHistory::Piece piece = with_.expectation.at(place, rest);
    judged = check_piece(rest.first(piece.length), place, piece) || judged;
    done += piece.length;
  }
  if (judged) counters_.blocks.add();
}

// Whether it was judged.
bool Verifier::check_piece(Data data, const Place& place, const WriteHistory::Piece& piece) {
  if (piece.certainty == Certainty::unknown || piece.certainty == Certainty::untraced) {
    counters_.unwritten_bytes.add(data.size());
    if (piece.certainty == Certainty::untraced) counters_.untraced_bytes.add(data.size());
    return false;
  }
  if (piece.certainty == Certainty::doubtful) {
    counters_.indeterminate_bytes.add(data.size());
    return false;
  }
  const std::size_t right = piece.expected.image->check(data, place.offset, piece.expected.pass);
  // What is wrong may be of a later round, of which nothing was noted before a restart.
  if (piece.certainty == Certainty::outdated && right != data.size()) {
    counters_.indeterminate_bytes.add(data.size());
    return false;
  }
  counters_.bytes.add(data.size());
  if (with_.counts_passes) counters_.passes.add(piece.expected.pass, data.size());
  if (piece.moved_since < with_.distance) counters_.cache_suspect_bytes.add(data.size());
  if (right != data.size()) [[unlikely]]
    judge(data, place, piece, right);
  return true;
}

// Interval by interval, from the first sector on that is wrong.
void Verifier::judge(Data data, const Place& place, const WriteHistory::Piece& piece, std::size_t right) {
  const verify::Image& image = *piece.expected.image;
  const std::uint64_t interval = image.interval() != 0 ? image.interval() : verify::kLargestDefaultInterval;
  const std::uint64_t end = place.offset + data.size();
  for (std::uint64_t at = place.offset + right; at < end;) {
    const std::uint64_t begin = std::max(at / interval * interval, place.offset);
    const std::uint64_t next = std::min((at / interval + 1) * interval, end);
    const Data part = data.subspan(begin - place.offset, next - begin);
    at = next;
    if (image.check(part, begin, piece.expected.pass) == part.size()) continue;
    if (piece.certainty == Certainty::trimmed && may_be_trimmed(part, begin, piece.expected)) continue;
    if (with_.expectation.may_be_cut_off(part, begin, piece.expected.pass)) {
      counters_.indeterminate_bytes.add(part.size());
      continue;
    }
    report(part, {begin, place.round, place.position}, piece.expected);
  }
}

void Verifier::report(Data interval, const Place& place, const Generation& expected) {
  const bool looks_elsewhere = ++reported_ <= kAllElsewhere || reported_ % kWrittenShare == 0;
  if (looks_elsewhere && is_right_elsewhere(interval, place.offset, expected)) {
    return count_host_fault(HostFault::cpu,
                            fmt::format("the data at offset {} is right by another code on another CPU", place.offset));
  }
  Miscompare out;
  out.at = std::chrono::system_clock::now();
  out.damage = verify::diagnose(interval, place.offset, {expected, with_.expectation.before(place)});
  std::vector<std::byte> whole(interval.size());
  expected.image->fill(whole, place.offset, expected.pass);
  compare(interval, whole, out);
  const std::size_t sector = out.first / verify::kSector * verify::kSector;
  out.dump_offset = place.offset + sector;
  out.found = text_of(interval.subspan(sector, verify::kSector));
  out.expected = text_of(Data(whole).subspan(sector, verify::kSector));
  if (with_.log.claim_triangulation(out.damage.kind)) {
    auto [finding, rereads] = triangulation_.run(place.offset, interval, whole);
    out.finding = finding;
    out.rereads = std::move(rereads);
  }
  if (out.finding == Finding::engine) {
    count_host_fault(HostFault::engine, fmt::format("only this engine reads wrong data at offset {}", place.offset));
  }
  counters_.mismatches[static_cast<std::size_t>(out.damage.kind)].add();
  counters_.mismatched_bytes.add(interval.size());
  const bool first = with_.log.add(out);
  with_.owner.on_damage(out, first);
}

bool Verifier::is_right_elsewhere(Data data, std::uint64_t offset, const Generation& expected) const {
  const OtherCpu there;
  return expected.image->check_portably(data, offset, expected.pass) == data.size();
}

// A device may do what it is told to trim, or leave it, in any part: zeros, ones or what was there.
bool Verifier::may_be_trimmed(Data data, std::uint64_t offset, const Generation& old) {
  for (std::size_t at = 0; at < data.size(); at += verify::kSector) {
    const Data sector = data.subspan(at, verify::kSector);
    if (!verify::is_blank(sector) && old.image->check(sector, offset + at, old.pass) != sector.size()) return false;
  }
  return true;
}

void Verifier::look_at_written(const engine::IoSlot& slot) {
  const std::size_t length = slot.length / verify::kSector * verify::kSector;
  if (with_.image == nullptr || slot.offset % verify::kSector != 0) return;
  const std::uint32_t pass = with_.first_pass + slot.round;
  if (with_.image->check({slot.buffer, length}, slot.offset, pass) == length) return;
  count_host_fault(HostFault::memory,
                   fmt::format("the data that was written at offset {} is wrong in memory", slot.offset));
}

void Verifier::count_host_fault(HostFault fault, const std::string& what) {
  counters_.host_faults[static_cast<std::size_t>(fault)].add();
  with_.owner.on_host_fault(fault, what);
}

}  // namespace spliced::run
