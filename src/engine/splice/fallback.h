// SPDX-License-Identifier: Apache-2.0
// Where it is decided that a way through the pipe does not work on this kernel, and which one comes next.
#pragma once
#include <optional>

#include "counters.h"

namespace spliced::engine {

// The read path after `path` failed with `error`, and the event to count; nullopt when the error means something else.
// map is left for copy: EFAULT is what today's kernels answer, because vmsplice from a pipe copies and the mapping is
// read-only. copy is left for read(2) where vmsplice is refused, by seccomp or by a kernel without it.
[[nodiscard]] std::optional<Fallback> read_fallback(ReadPath path, int error);

// The same for memory → pipe, where write(2) is the only other way. EBADF, of a pipe that is open, counts as refused
// here as it does for reads.
[[nodiscard]] std::optional<Fallback> write_fallback(int error);

// Whether `error` says that a call is not to be had on this kernel, rather than that a transfer went wrong: what makes
// a pinned path impossible.
[[nodiscard]] bool is_refusal(ReadPath path, int error);

// Adds one event. An errno without a column of its own cannot come here: both functions above refuse it.
void count_fallback(SpliceCounters& counters, Fallback event, int error);

}  // namespace spliced::engine
