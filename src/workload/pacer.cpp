// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pacer.h"

#include <algorithm>

namespace spliced::workload {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide kFar = static_cast<Wide>(1) << 61;  // 73 years: later than any job's end, and no sum with it overflows

// The time after which `count` units are due at `rate` units per second.
util::Nanos nanos_for(Wide count, std::uint64_t rate) {
  return static_cast<util::Nanos>(std::min(count * static_cast<Wide>(util::kSecond) / rate, kFar));
}

// In the order of the range; where blocks have another one, the last of it, which may be short, is anywhere.
Wide bytes_before(const BlockRange& range, std::uint64_t count, std::uint64_t position) {
  const Wide in_round = std::min(Wide{position % count} * range.block, Wide{range.size});
  return Wide{position / count} * range.size + in_round;
}

}  // namespace

Pacer::Pacer(const WorkloadSpec& spec, const BlockRange& range, util::Nanos start, std::uint64_t first)
    : rate_(spec.rate),
      rate_iops_(spec.rate_iops),
      range_(range),
      count_(std::max<std::uint64_t>(1, range.count())),
      first_(first),
      start_(start) {}

util::Nanos Pacer::due(std::uint64_t position) const {
  util::Nanos after = 0;
  if (rate_iops_ != 0) after = nanos_for(position - first_, rate_iops_);
  if (rate_ != 0) {
    const Wide bytes = bytes_before(range_, count_, position) - bytes_before(range_, count_, first_);
    after = std::max(after, nanos_for(bytes, rate_));
  }
  return start_ + after;
}

void Pacer::pause(util::Nanos now, util::Nanos until, std::uint64_t position) {
  if (paced()) start_ += std::max<util::Nanos>(0, until - std::max(due(position), now));
}

}  // namespace spliced::workload
