// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/cursor.h"

#include <algorithm>

namespace spliced::workload {

bool Cursor::is_done(std::uint64_t at) const {
  if (at < watermark) return !std::binary_search(missing.begin(), missing.end(), at);
  const std::uint64_t bit = at - watermark;
  return bit / 64 < done.size() && (done[bit / 64] >> (bit % 64) & 1) != 0;
}

}  // namespace spliced::workload
