// SPDX-License-Identifier: Apache-2.0
#include "kinds.h"

namespace spliced::engine {

// In the order of the alternatives of Options.
const Kind& kind_at(std::size_t index) {
  static const std::array<const Kind*, kKinds> kinds{&splice_kind(), &psync_kind()};
  return *kinds[index];
}

}  // namespace spliced::engine
