// SPDX-License-Identifier: Apache-2.0
// The registry: one function for each kind of engine, beside its engine.
#pragma once
#include "spliced/engine/kind.h"

namespace spliced::engine {

[[nodiscard]] const Kind& splice_kind();
[[nodiscard]] const Kind& psync_kind();

}  // namespace spliced::engine
