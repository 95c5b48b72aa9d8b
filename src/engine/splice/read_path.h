// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <span>

#include "context.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine {

// Target → pipe → memory, by the best of the four read paths that this kernel lets through. The transfers of a batch
// are spliced into the pipe one after the other, each from its own offset, and drained together.
class ReadPaths {
 public:
  explicit ReadPaths(const Context& ctx);
  ~ReadPaths() { release(); }
  ReadPaths(const ReadPaths&) = delete;
  ReadPaths& operator=(const ReadPaths&) = delete;

  // At most kMaxBatch transfers; one, as long as the path is `map`. How many of them have an outcome: all, or those up
  // to the first that is not done.
  std::size_t run(std::span<IoSlot* const> group);
  void close_sink() { sink_.reset(); }
  // Unmaps what the `map` path left behind. The data of `previous`, if it lies there, moves to its buffer first.
  void release(IoSlot* previous = nullptr);

 private:
  // Bytes in the pipe, of one transfer.
  struct Piece {
    IoSlot* transfer = nullptr;
    std::size_t position = 0;  // within the transfer
    std::size_t bytes = 0;
  };

  [[nodiscard]] ReadPath path() const { return ctx_.counters.read_path.load(std::memory_order_relaxed); }
  [[nodiscard]] bool prepare(IoSlot& transfer);
  [[nodiscard]] CallResult fill(std::span<IoSlot* const> group, bool alone);
  [[nodiscard]] std::size_t drain();
  [[nodiscard]] CallResult move_out(std::size_t piece, std::size_t done);
  [[nodiscard]] CallResult move_out_together(std::size_t piece, std::size_t done);
  // That takes all of the data; nullptr where it goes through a window of its beginning.
  [[nodiscard]] std::byte* buffer_of(const IoSlot& transfer) const {
    return transfer.length <= ctx_.config.read_window ? transfer.buffer : nullptr;
  }
  [[nodiscard]] iovec place(const IoSlot& transfer, std::size_t position, std::size_t bytes) const;
  [[nodiscard]] bool downgrade(const IoSlot& transfer, std::size_t position, int error);
  std::size_t assign_outcomes(std::span<IoSlot* const> group, const CallResult& last, std::size_t drained);
  void finish(IoSlot& transfer, Outcome outcome);
  void charge_time(std::span<IoSlot* const> ended, bool alone);

  Context ctx_;
  std::byte* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  util::UniqueFd sink_;  // /dev/null, for `discard`
  bool worked_ = false;
  std::size_t count_ = 0;
  std::array<Piece, kMaxBatch> pieces_;  // in the order in which they went into the pipe
};

}  // namespace spliced::engine
