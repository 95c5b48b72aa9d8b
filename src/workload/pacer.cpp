#include "spliced/workload/pacer.h"

#include <algorithm>

namespace spliced::workload {
namespace {

// count * 1e9 / rate without overflow.
util::Nanos nanos_for(std::uint64_t count, std::uint64_t rate) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<util::Nanos>(static_cast<Wide>(count) * static_cast<Wide>(util::kSecond) / rate);
}

}  // namespace

Pacer::Pacer(const WorkloadSpec& spec, unsigned worker, util::Nanos start)
    : rate_(spec.rate), rate_iops_(spec.rate_iops), workers_(spec.workers), worker_(worker), start_(start) {}

util::Nanos Pacer::due() const {
  util::Nanos after = 0;
  if (rate_iops_ != 0) after = nanos_for(operations_ * workers_ + worker_, rate_iops_);
  if (rate_ != 0) after = std::max(after, nanos_for(bytes_ * workers_, rate_));
  return start_ + after;
}

}  // namespace spliced::workload
