// SPDX-License-Identifier: Apache-2.0
#include "range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "spliced/workload/pass.h"

namespace spliced::plan {

using util::FieldError;
using util::Reason;
using workload::Amount;
using workload::BlockRange;
using workload::WorkloadSpec;

namespace {

constexpr std::uint64_t kSector = 512;

__extension__ using Wide = unsigned __int128;

// In billionths of a percent, with which decimal fractions add up without an error: a share that begins where another
// one ends does so to the byte.
std::uint64_t billionths(const Amount& amount) {
  return static_cast<std::uint64_t>(std::llround(amount.percent * 1e9));
}

std::uint64_t share_of(std::uint64_t billionths, std::uint64_t whole) {
  return static_cast<std::uint64_t>(Wide{whole} * billionths / 100'000'000'000U);
}

// A percentage is of the whole target, wherever it begins, and ends with the target: as fio has it.
std::uint64_t end_of_share(const WorkloadSpec& spec, std::uint64_t offset, std::uint64_t whole, std::uint64_t unit) {
  const std::uint64_t end = spec.offset.relative ? share_of(billionths(spec.offset) + billionths(spec.size), whole)
                                                 : offset + std::min(share_of(billionths(spec.size), whole), whole);
  return end >= whole || end < offset ? whole : end / unit * unit;
}

// What to do about a target whose end cannot be reached with direct I/O. `left`: bytes from the start of the range on.
std::string tail_refusal(const WorkloadSpec& spec, const device::TargetFacts& facts, std::uint64_t unit,
                         std::uint64_t left) {
  const std::uint64_t reached = left / unit * unit;
  std::string how = reached == 0 ? "" : fmt::format("a size of {} to leave them out", reached);
  if (!spec.whole_sectors) how += reached == 0 ? "\"direct\": false" : ", or \"direct\": false";
  return fmt::format(
      "100% of {} is not aligned: {} needs multiples of {} bytes, and the last {} of its {} bytes would be left out "
      "without a word{}{}",
      facts.path, spec.direct ? "direct I/O" : "verification", unit, left - reached, facts.size,
      how.empty() ? "" : "; give ", how);
}

}  // namespace

BlockRange resolve_range(const WorkloadSpec& spec, const device::TargetFacts& facts, std::vector<FieldError>& errors) {
  const bool aligned_ends = spec.direct || spec.whole_sectors;
  const std::uint64_t unit = spec.whole_sectors && !spec.direct ? kSector : facts.alignment;
  BlockRange range;
  range.block = workload::smallest_block(spec);
  range.offset = spec.offset.relative ? share_of(billionths(spec.offset), facts.size) / unit * unit : spec.offset.bytes;
  const std::uint64_t left = facts.size > range.offset ? facts.size - range.offset : 0;
  range.size = spec.size.bytes;
  bool to_the_end = false;
  const bool is_all = spec.size.at_most && spec.size.bytes > left;
  if (spec.size.relative || is_all) {
    const std::uint64_t end = is_all ? facts.size : end_of_share(spec, range.offset, facts.size, unit);
    to_the_end = end == facts.size;
    range.size = end > range.offset ? end - range.offset : 0;
    if (aligned_ends) range.size = range.size / unit * unit;
  }
  const auto wrong = [&](const char* pointer, std::string detail, Reason reason = Reason::out_of_range) {
    errors.push_back({pointer, std::move(detail), reason});
  };
  if (left == 0) {
    wrong("offset",
          fmt::format("{} is at or past the end of {}, which has {} bytes", range.offset, facts.path, facts.size));
  } else if (range.size > left) {
    wrong("size", fmt::format("{} bytes from offset {} go past the end of {}, which has {} bytes", range.size,
                              range.offset, facts.path, facts.size));
  } else if (aligned_ends && to_the_end && facts.size % unit != 0) {
    wrong("size", tail_refusal(spec, facts, unit, left), Reason::not_aligned);
  } else if (range.size == 0) {
    wrong("size", fmt::format("the share of {} is smaller than one sector of {} bytes", facts.path, unit));
  }
  if (!aligned_ends) return range;
  std::vector<std::pair<const char*, std::uint64_t>> aligned{{"offset", range.offset}, {"size", range.size}};
  for (const util::Op op : {util::Op::trim, util::Op::write, util::Op::read}) {
    const std::uint64_t bs = spec.bs.of(op);
    if (workload::does(spec, op) && aligned.front() != std::pair("bs", bs)) aligned.emplace(aligned.begin(), "bs", bs);
  }
  for (const auto& [pointer, value] : aligned) {
    if (value % unit == 0) continue;
    wrong(pointer,
          fmt::format("{} is not aligned: with {}, {} needs a multiple of {} bytes{}", value,
                      spec.direct ? "direct I/O" : "verification", facts.path, unit,
                      facts.alignment_reason.empty() ? "" : fmt::format(" ({})", facts.alignment_reason)),
          Reason::not_aligned);
  }
  return range;
}

}  // namespace spliced::plan
