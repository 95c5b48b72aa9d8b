// SPDX-License-Identifier: Apache-2.0
#include "spliced/access/principal.h"

#include <algorithm>

namespace spliced::access {

std::optional<Scope> parse_scope(std::string_view text) {
  const auto* const found = std::find(kScopeNames.begin() + 1, kScopeNames.end(), text);
  if (found == kScopeNames.end()) return std::nullopt;
  return static_cast<Scope>(found - kScopeNames.begin());
}

}  // namespace spliced::access
