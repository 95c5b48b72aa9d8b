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

}  // namespace

Pacer::Pacer(const WorkloadSpec& spec, unsigned worker, util::Nanos start)
    : rate_(spec.rate),
      rate_iops_(spec.rate_iops),
      block_(spec.bs),
      workers_(spec.workers),
      worker_(worker),
      start_(start) {}

util::Nanos Pacer::due() const {
  util::Nanos after = 0;
  if (rate_iops_ != 0) after = nanos_for(Wide{operations_} * workers_ + worker_, rate_iops_);
  if (rate_ != 0) after = std::max(after, nanos_for(Wide{bytes_} * workers_ + Wide{worker_} * block_, rate_));
  return start_ + after;
}

}  // namespace spliced::workload
