// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pacer.h"

#include <algorithm>
#include <numeric>

namespace spliced::workload {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide kFar = static_cast<Wide>(1) << 61;  // 73 years: later than any job's end, and no sum with it overflows

// The time after which `count` units are due at `rate` units per second.
util::Nanos nanos_for(Wide count, Wide rate) {
  return static_cast<util::Nanos>(std::min(count * static_cast<Wide>(util::kSecond) / rate, kFar));
}

// The same part in the smallest numbers; where those exceed 32 bits, it is exact to as many.
Part reduced(Part part) {
  if (part.part == 0) return {};
  const std::uint64_t common = std::gcd(part.part, std::gcd(part.before, part.whole));
  part = {part.part / common, part.before / common, part.whole / common};
  while (part.whole >> 32 != 0) part = {std::max<std::uint64_t>(1, part.part >> 1), part.before >> 1, part.whole >> 1};
  return part;
}

}  // namespace

Pacer::Pacer(const WorkloadSpec& spec, const Part& part, util::Nanos start)
    : rate_(spec.rate), rate_iops_(spec.rate_iops), block_(spec.bs), part_(reduced(part)), start_(start) {}

util::Nanos Pacer::due() const {
  util::Nanos after = 0;
  const auto [part, before, whole] = part_;
  if (rate_iops_ != 0) after = nanos_for(Wide{operations_} * whole + before, Wide{rate_iops_} * part);
  if (rate_ != 0) after = std::max(after, nanos_for(Wide{bytes_} * whole + Wide{before} * block_, Wide{rate_} * part));
  return start_ + after;
}

void Pacer::pause(util::Nanos now, util::Nanos until) {
  if (paced()) start_ += std::max<util::Nanos>(0, until - std::max(due(), now));
}

}  // namespace spliced::workload
