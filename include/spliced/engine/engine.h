// SPDX-License-Identifier: Apache-2.0
// The contract of an I/O engine.
//
// An engine belongs to one worker thread, which alone calls submit(), reap(), withdraw(), use() and release(); the
// functions at the end may be called by any thread at any time. Descriptors are opened by reap() and closed by
// release(): both belong to the thread's own table. An engine never logs and never throws; it allocates nothing while
// it runs, except the mapping that the `map` read path of the splice engine consists of. tests/unit/engine/contract
// holds every engine to this page.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "spliced/util/clock.h"
#include "spliced/util/op.h"

namespace spliced::engine {

// The directions in which data goes, as an index.
enum class Direction : std::uint8_t { read, write };
inline constexpr std::size_t kDirections = 2;
[[nodiscard]] constexpr std::size_t index_of(Direction direction) {
  return static_cast<std::size_t>(direction);
}
inline constexpr std::array<std::string_view, kDirections> kDirectionNames{"read", "write"};

enum class Outcome : std::uint8_t {
  done,           // all of `length` was moved
  end_of_target,  // the device or file ended: `moved` bytes, no error
  failed,         // `error` says why
  host_failed,    // it is not the target's doing: a descriptor, memory or a call was refused; `error` says why
  unsupported,    // the engine cannot work on this target at all: no transfer of this kind will ever succeed
  path_refused,   // what the job asks of the engine does not work on this kernel: none will ever succeed
  stopped,        // it had begun when the stop token was set: `moved` bytes
};

// One request and what becomes of it. The first cache line is all that an engine touches: what is between two system
// calls finds little of its memory still near the CPU.
struct alignas(64) IoSlot {
  // The caller's to fill, and not to be touched from submit() until the slot is reaped or withdrawn.
  util::Op op = util::Op::read;
  // The engine's, from here to the next comment.
  Outcome outcome = Outcome::failed;
  int error = 0;          // errno when `outcome` is failed, host_failed, unsupported or path_refused
  std::size_t moved = 0;  // bytes that crossed the border of the device; residual = length - moved
  util::Nanos ended = 0;  // when the outcome was known and the data in its place
  // How long it took: from when it was given to the kernel until it ended. Where one system call serves several, each
  // has its share of that call, so that they sum up to the time that reap() took.
  util::Nanos spent = 0;
  // Where the data of a read is that is done or met the end: in `buffer`, or in memory of the engine's, which lives
  // until the next reap(). nullptr of any other, and when it was discarded or is longer than `buffer`.
  const std::byte* data = nullptr;
  // The caller's again.
  std::uint64_t offset = 0;     // bytes from the start of the target; never the file position
  std::size_t length = 0;       // bytes; a multiple of the target's alignment when it is open with O_DIRECT
  std::byte* buffer = nullptr;  // `length` bytes, read from by writes, written to by reads, aligned to
                                // Traits::alignment. Where nobody looks at what is read, reads need
                                // Kind::read_buffer() bytes, and all that are in flight together may share them
  // The caller's alone: when it was due, 0 if it was not paced; and which block of the workload it is, in which round.
  alignas(64) util::Nanos due = 0;
  std::uint64_t position = 0;
  std::uint32_t round = 0;
};
static_assert(sizeof(IoSlot) == 128);

// What an engine is like, from its making to its end.
struct Traits {
  std::size_t depth = 1;      // slots that may have been submitted and be neither reaped nor withdrawn
  std::size_t alignment = 1;  // of buffers, bytes, a page at most, whatever the target itself asks for
  bool keeps_data = true;     // whether what was read is in memory afterwards
};

// How one direction is driven: what Kind::candidates() offers and Kind::describe() names.
struct Setting {
  std::size_t size = 0;   // bytes; the engine's own (splice: of its pipe)
  std::size_t batch = 1;  // slots that are worth submitting together
  bool operator==(const Setting&) const = default;
};
inline constexpr std::size_t kMaxDepth = 1024;

// What is in the kernel at this moment.
struct InFlight {
  std::size_t count = 0;  // slots
  util::Nanos since =
      0;  // when the oldest of them was given to it, or when another of its batch last ended; 0: none is
};

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual Traits traits() const = 0;

  // Hands slots over. How many were taken, from the first on: all, up to the depth. Does not block; an engine may begin
  // with them now, or in reap().
  [[nodiscard]] virtual std::size_t submit(std::span<IoSlot* const> slots) = 0;
  // Waits until at least `min` slots have an outcome, and gives back those that have one, in any order, each once, at
  // most as many as `ended` holds; an engine that does its work here goes on beyond `min` as far as there is room. How
  // many there are. Fewer than `min` when
  //   - no more were submitted,
  //   - `until` came (0: never): no further slot begins after that,
  //   - the stop token was set: no further slot begins, and those that have begun end as soon as the kernel lets go,
  //   - one of them ended otherwise than done: the caller decides whether to go on with those that have not begun.
  // `min` 0 never waits. A slot that has not begun stays submitted.
  [[nodiscard]] virtual std::size_t reap(std::span<IoSlot*> ended, std::size_t min, util::Nanos until) = 0;
  // Takes back slots that have not begun, in the order in which they were submitted, as many as `slots` holds. How
  // many.
  [[nodiscard]] virtual std::size_t withdraw(std::span<IoSlot*> slots) = 0;
  // From the next slot on that begins.
  virtual void use(Direction direction, const Setting& setting) = 0;
  // Gives back what reap() opened; nothing may be in flight. After the last reap.
  virtual void release() = 0;

  [[nodiscard]] virtual InFlight in_flight() const = 0;
  // Adds to each sum what was counted, in the order of Kind::events().
  virtual void add_events(std::span<std::uint64_t> sums) const = 0;
  // How it works now, in the order of Kind::readings().
  virtual void read(std::span<std::uint64_t> values) const = 0;
};

}  // namespace spliced::engine
