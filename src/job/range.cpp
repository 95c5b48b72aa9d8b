// SPDX-License-Identifier: Apache-2.0
#include "range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace spliced::job {

using util::FieldError;
using util::Reason;
using workload::Amount;
using workload::BlockRange;
using workload::WorkloadSpec;

namespace {

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
std::string tail_refusal(const device::TargetFacts& facts, std::uint64_t left) {
  const std::uint64_t reached = left / facts.alignment * facts.alignment;
  const std::string how = reached == 0 ? "" : fmt::format("a size of {} to leave them out, or ", reached);
  return fmt::format(
      "100% of {} is not aligned: direct I/O needs multiples of {} bytes, and the last {} of its {} bytes would be "
      "left "
      "out without a word; give {}\"direct\": false",
      facts.path, facts.alignment, left - reached, facts.size, how);
}

}  // namespace

BlockRange resolve_range(const WorkloadSpec& spec, const device::TargetFacts& facts, std::vector<FieldError>& errors) {
  const std::uint64_t unit = facts.alignment;
  BlockRange range;
  range.block = spec.bs;
  range.offset = spec.offset.relative ? share_of(billionths(spec.offset), facts.size) / unit * unit : spec.offset.bytes;
  const std::uint64_t left = facts.size > range.offset ? facts.size - range.offset : 0;
  range.size = spec.size.bytes;
  bool to_the_end = false;
  if (spec.size.relative) {
    const std::uint64_t end = end_of_share(spec, range.offset, facts.size, unit);
    to_the_end = end == facts.size;
    range.size = end > range.offset ? end - range.offset : 0;
    if (spec.direct) range.size = range.size / unit * unit;
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
  } else if (spec.direct && to_the_end && facts.size % unit != 0) {
    wrong("size", tail_refusal(facts, left), Reason::not_aligned);
  } else if (range.size == 0) {
    wrong("size", fmt::format("the share of {} is smaller than one sector of {} bytes", facts.path, unit));
  }
  if (!spec.direct) return range;
  for (const auto& [pointer, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
           {"bs", spec.bs}, {"offset", range.offset}, {"size", range.size}}) {
    if (value % unit == 0) continue;
    wrong(pointer,
          fmt::format("{} is not aligned: with direct I/O, {} needs a multiple of {} bytes{}", value, facts.path, unit,
                      facts.alignment_reason.empty() ? "" : fmt::format(" ({})", facts.alignment_reason)),
          Reason::not_aligned);
  }
  return range;
}

std::optional<double> estimate_seconds(const WorkloadSpec& w, const BlockRange& range) {
  if (w.time_based) return static_cast<double>(w.runtime) / 1e9;
  std::optional<double> seconds;
  const auto loops = static_cast<double>(w.loops);
  if (w.rate != 0) seconds = static_cast<double>(range.size) * loops / static_cast<double>(w.rate);
  if (w.rate_iops != 0) {
    const double by_iops = static_cast<double>(range.count()) * loops / static_cast<double>(w.rate_iops);
    seconds = std::max(seconds.value_or(0), by_iops);
  }
  if (seconds && w.runtime != 0) seconds = std::min(*seconds, static_cast<double>(w.runtime) / 1e9);
  return seconds;
}

}  // namespace spliced::job
