// The contract of an I/O engine.
//
// An engine belongs to one worker thread: run() is called from that thread alone and blocks until every transfer has an
// outcome. counters() may be read from any thread. An engine never logs and never throws; it allocates nothing while
// it runs, except the mapping that the `map` read path consists of.
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
  splice_unsupported,  // the target cannot splice at all: no transfer of this kind will ever succeed
  path_refused,        // the read path that was pinned does not work on this kernel: none will ever succeed
  stopped,             // the stop token was set while a call was blocked
};

// One request. The caller fills the upper part, the engine the lower.
struct Transfer {
  util::Op op = util::Op::read;
  std::uint64_t offset = 0;     // bytes from the start of the target; never the file position
  std::size_t length = 0;       // bytes; a multiple of the target's alignment when it is open with O_DIRECT
  std::byte* buffer = nullptr;  // page-aligned, `length` bytes; read from by writes, written to by reads

  Outcome outcome = Outcome::failed;
  int error = 0;          // errno when `outcome` is failed, splice_unsupported or path_refused
  std::size_t moved = 0;  // bytes that crossed the border of the device; residual = length - moved
  util::Nanos ended = 0;  // when the outcome was known
  // Where the data of a read is: in `buffer`, or in the mapping of the `map` path, which lives until the next run();
  // nullptr when it was discarded.
  const std::byte* data = nullptr;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Does the transfers in order. Each ends with its own outcome; one that fails does not stop those after it.
  virtual void run(std::span<Transfer> transfers) = 0;
  [[nodiscard]] virtual const EngineCounters& counters() const = 0;
};

}  // namespace spliced::engine
