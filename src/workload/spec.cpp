// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/spec.h"

#include <algorithm>

namespace spliced::workload {

std::uint64_t smallest_block(const WorkloadSpec& spec) {
  if (is_mixed(spec.rw)) return std::min(spec.bs.read, spec.bs.write);
  return spec.bs.of(is_trim(spec.rw) ? util::Op::trim : reads(spec.rw) ? util::Op::read : util::Op::write);
}

}  // namespace spliced::workload
