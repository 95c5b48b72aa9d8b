// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pacer.h"

#include <algorithm>

#include "spliced/workload/pass.h"

namespace spliced::workload {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide kFar = static_cast<Wide>(1) << 61;  // 73 years: later than any job's end, and no sum with it overflows

// The time after which `count` units are due at `rate` units per second; 0 without a rate.
util::Nanos nanos_for(Wide count, std::uint64_t rate) {
  return rate == 0 ? 0 : static_cast<util::Nanos>(std::min(count * static_cast<Wide>(util::kSecond) / rate, kFar));
}

}  // namespace

Pacer::Pacer(const WorkloadSpec& spec, const BlockRange& range, util::Nanos start, std::uint64_t first)
    : paced_(workload::paced(spec)),
      mixed_(is_mixed(spec.rw) || spec.read_back != 0),
      sizes_(mixes_sizes(spec)),
      rate_(spec.rate),
      rate_iops_(spec.rate_iops),
      read_percent_(spec.read_back != 0 ? 50 : spec.rwmixread),
      bs_(spec.bs),
      range_(range),
      round_bytes_(range.size * (spec.read_back != 0 ? 2 : 1)),
      count_(std::max<std::uint64_t>(1, requests_in(spec, range))),
      first_(first),
      start_(start) {}

// In the order of the range; where blocks have another one, the last of it, which may be short, is anywhere.
Wide Pacer::bytes_before(std::uint64_t position) const {
  if (sizes_) return Wide{position} * (bs_.read * read_percent_ + bs_.write * (100 - read_percent_)) / 100;
  const Wide in_round = std::min(Wide{position % count_} * range_.block, Wide{round_bytes_});
  return Wide{position / count_} * round_bytes_ + in_round;
}

util::Nanos Pacer::due(std::uint64_t position, util::Op op) const {
  const Wide blocks = position - first_;
  const Wide bytes = bytes_before(position) - bytes_before(first_);
  const auto after = [](Wide operations, Wide moved, std::uint64_t rate_iops, std::uint64_t rate) {
    return std::max(nanos_for(operations, rate_iops), nanos_for(moved, rate));
  };
  const util::Nanos together = after(blocks, bytes, rate_iops_.all, rate_.all);
  const std::uint64_t own_rate = rate_.each.of(op), own_rate_iops = rate_iops_.each.of(op);
  if (own_rate == 0 && own_rate_iops == 0) return start_ + together;
  if (!mixed_) return start_ + std::max(together, after(blocks, bytes, own_rate_iops, own_rate));
  const Wide share = op == util::Op::read ? read_percent_ : 100 - read_percent_;
  const Wide own = blocks * share / 100;
  return start_ + std::max(together, after(own, own * bs_.of(op), own_rate_iops, own_rate));
}

void Pacer::pause(util::Nanos now, util::Nanos until, std::uint64_t position, util::Op op) {
  if (paced()) start_ += std::max<util::Nanos>(0, until - std::max(due(position, op), now));
}

}  // namespace spliced::workload
