// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "spliced/engine/kind.h"

namespace spliced::engine {

inline constexpr std::uint64_t kMaxPipe = 1ULL << 30;      // bytes that a job may ask for
inline constexpr std::uint64_t kMaxAutoPipe = 1ULL << 20;  // bytes; what an unprivileged user may have (pipe(7))

// The pipe sizes and batches worth trying for one direction, the one to fall back to first. They keep to the allowance,
// unless the job itself asks for more.
[[nodiscard]] std::vector<Setting> splice_candidates(const SpliceOptions& options, const Load& load,
                                                     const Allowance& allowance);

}  // namespace spliced::engine
