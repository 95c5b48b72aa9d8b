// SPDX-License-Identifier: Apache-2.0
// The names under which the splice engine's counters and state are shown.
#pragma once
#include <span>

#include "counters.h"
#include "spliced/engine/kind.h"

namespace spliced::engine {

[[nodiscard]] std::span<const Event> splice_events();
[[nodiscard]] std::span<const Reading> splice_readings();
// In the order of these.
void add_events(const SpliceCounters& counters, std::span<std::uint64_t> sums);
void read_state(const SpliceCounters& counters, std::span<std::uint64_t> values);

}  // namespace spliced::engine
