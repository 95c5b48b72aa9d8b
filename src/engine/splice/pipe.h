// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

#include "counters.h"
#include "spliced/engine/engine.h"
#include "spliced/engine/syscalls.h"
#include "spliced/util/page_buffer.h"

namespace spliced::engine {

// The pipe through which every byte passes. It is empty at the start of every transfer: after any error it is replaced,
// because bytes that stay behind would be carried to the offset of the next transfer.
class Pipe {
 public:
  // `wanted` bytes, or as many as the system grants (pipe(7): pipe-max-size, pipe-user-pages-soft).
  Pipe(Syscalls& sys, std::size_t wanted, SpliceCounters& counters, Direction direction)
      : sys_(sys), wanted_(wanted), counters_(counters), obtained_(counters.pipe_size_bytes[index_of(direction)]) {}
  ~Pipe() { close(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Opens the pipe unless it is open. 0, or an errno.
  [[nodiscard]] int ensure_open() { return ready_ ? 0 : open(); }
  // From the next ensure_open() on, when the pipe is empty.
  void want(std::size_t bytes);
  // Throws the pipe away with all that is in it, and counts that. The next ensure_open() makes a new one.
  void reset();
  void close();

  [[nodiscard]] int read_end() const { return fds_[0]; }
  [[nodiscard]] int write_end() const { return fds_[1]; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  // Each page that a piece touches takes one slot, however few bytes it carries (pipe(7), vmsplice(2)).
  [[nodiscard]] std::size_t slots() const { return capacity_ / util::kPageSize; }

 private:
  [[nodiscard]] int open();
  void resize();

  bool ready_ = false;  // open, and of the size that is wanted as far as it is to be had
  int fds_[2] = {-1, -1};
  std::size_t capacity_ = 0;
  Syscalls& sys_;
  std::size_t wanted_;
  SpliceCounters& counters_;
  util::Tally& obtained_;
};

}  // namespace spliced::engine
