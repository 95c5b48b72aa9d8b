// SPDX-License-Identifier: Apache-2.0
// The contract of an I/O engine.
//
// An engine belongs to one worker thread: run() is called from that thread alone and blocks. counters() may be read
// from any thread. Descriptors are opened by run() and closed by release(): both belong to the thread's own table. An
// engine never logs and never throws; it allocates nothing while it runs, except the mapping that the `map` read path
// consists of.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "spliced/engine/counters.h"
#include "spliced/util/clock.h"
#include "spliced/util/op.h"

namespace spliced::engine {

enum class Outcome : std::uint8_t {
  done,                // all of `length` was moved
  end_of_target,       // the device or file ended: `moved` bytes, no error
  failed,              // `error` says why
  host_failed,         // it is not the target's doing: a descriptor, memory or a call was refused; `error` says why
  splice_unsupported,  // the target cannot splice at all: no transfer of this kind will ever succeed
  path_refused,        // the read path that was pinned does not work on this kernel: none will ever succeed
  stopped,             // the stop token was set, or the time was up: nothing was done, or not all of it
};

// One request, of one cache line: what is between two system calls finds little of its memory still near the CPU.
struct alignas(64) Transfer {
  // The caller's to fill.
  util::Op op = util::Op::read;
  // The engine's, from here to the next comment.
  Outcome outcome = Outcome::failed;
  int error = 0;          // errno when `outcome` is failed, host_failed, splice_unsupported or path_refused
  std::size_t moved = 0;  // bytes that crossed the border of the device; residual = length - moved
  util::Nanos ended = 0;  // when the outcome was known and the data in its place
  // Time in its own system calls, and its share of those that it had in common with others. Summed over all transfers
  // of a run() it is the time that run() took.
  util::Nanos spent = 0;
  // Where the data of a read is: in `buffer`, or in the mapping of the `map` path, which lives until the next run();
  // nullptr when it was discarded, or is longer than what the engine keeps.
  const std::byte* data = nullptr;
  // The caller's again.
  std::uint64_t offset = 0;     // bytes from the start of the target; never the file position
  std::size_t length = 0;       // bytes; a multiple of the target's alignment when it is open with O_DIRECT
  std::byte* buffer = nullptr;  // `length` bytes, read from by writes, written to by reads, which need no more than the
                                // engine keeps; aligned to a page, or in a batch to `length` when that is smaller.
                                // Reads may share one: the last of them has its data there
};
static_assert(sizeof(Transfer) == 64);

// How the data of one direction goes through the pipe.
struct PipeSetting {
  std::size_t pipe_size = 65536;  // bytes wanted; what was obtained is in the counters
  std::size_t batch = 1;          // transfers that may share a filling of the pipe, at most kMaxBatch
  bool operator==(const PipeSetting&) const = default;
};
inline constexpr std::size_t kMaxBatch = 64;

class Engine {
 public:
  virtual ~Engine() = default;
  // Does the transfers in order, as far as they succeed, and returns how many have an outcome: all, or those up to the
  // first that is not done, so that the caller decides whether to go on with the others, of which nothing has happened.
  // Neighbours of one direction may be on their way together. Once a stop is requested, or at `until` (0: never), no
  // further one begins; the next one ends as stopped.
  [[nodiscard]] virtual std::size_t run(std::span<Transfer> transfers, util::Nanos until) = 0;
  // Gives back what run() opened. Called by the thread that calls run(), after the last run.
  virtual void release() = 0;
  // From the next run() on. Called by the thread that calls run().
  virtual void tune(Direction direction, const PipeSetting& setting) = 0;
  [[nodiscard]] virtual const EngineCounters& counters() const = 0;
};

}  // namespace spliced::engine
