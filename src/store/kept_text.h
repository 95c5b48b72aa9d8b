// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <limits>
#include <memory>
#include <string>

#include "spliced/store/job_store.h"

namespace spliced::store {

// A document holds on to the workers that it tells of; a text does not.
using KeptText = std::shared_ptr<const std::string>;
// The whole document, or nothing when it is longer than `limit`.
[[nodiscard]] KeptText text_of(const Document& document, std::size_t limit = std::numeric_limits<std::size_t>::max());
[[nodiscard]] Document read_again(KeptText text);

}  // namespace spliced::store
