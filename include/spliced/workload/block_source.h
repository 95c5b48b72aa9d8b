// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "spliced/workload/cursor.h"
#include "spliced/workload/pass.h"

namespace spliced::workload {

// All blocks of a workload on one device, shared by the workers, who take them in chunks from one counter: they cannot
// drift apart, and a sequential workload stays so for the device, however many they are. Any number of them does the
// same blocks, each exactly once in each round. Thread-safe; does not lock on the way.
class BlockSource {
 public:
  // Begins where a cursor stands: what is done in it is not done again. `first_number`: of the first round, which its
  // order is made from.
  BlockSource(const WorkloadSpec& spec, const BlockRange& range, const Cursor& from = {},
              std::uint64_t first_number = 0);
  ~BlockSource();
  BlockSource(const BlockSource&) = delete;
  BlockSource& operator=(const BlockSource&) = delete;

  [[nodiscard]] Cursor cursor() const;
  // Of all rounds, those before the cursor included; 0 when there is no end but the runtime.
  [[nodiscard]] std::uint64_t total_bytes() const;
  [[nodiscard]] const BlockRange& range() const { return range_; }
  // Where the counter began.
  [[nodiscard]] std::uint64_t first_position() const { return from_.watermark; }
  [[nodiscard]] std::uint64_t first_number() const { return first_number_; }

  // The rest is for RequestFeed. Positions from `begin` to before `end`.
  struct Chunk {
    std::uint64_t begin = 0, end = 0;
  };
  enum class Taken : std::uint8_t {
    chunk,
    later,  // too much of what was taken is not done yet; soon
    none,   // nothing is left
  };
  // `batch`: how many blocks the worker does together.
  [[nodiscard]] Taken take(std::uint64_t batch, Chunk& out);
  // See DoneWindow.
  void mark(std::uint64_t group, std::uint32_t positions);
  // Of a position of a chunk: whether it was done before.
  [[nodiscard]] bool was_done(std::uint64_t position) const { return position < resumed_ && from_.is_done(position); }
  // Of one that was begun.
  [[nodiscard]] bool is_done(std::uint64_t position) const;
  [[nodiscard]] const Pass& first_round() const { return pass_; }

 private:
  [[nodiscard]] std::uint64_t chunk_for(std::uint64_t batch) const;
  [[nodiscard]] bool take_missing(Chunk& out);
  [[nodiscard]] bool may_begin(std::uint64_t position, std::uint64_t in_round);

  const BlockRange range_;
  const std::uint64_t first_number_;
  const Pass pass_;
  const Cursor from_;
  const std::uint64_t resumed_;  // the first position of which the cursor knows nothing
  const std::uint64_t end_;      // of all positions
  const std::uint64_t total_bytes_;
  const bool rounds_apart_;
  const std::uint64_t chunk_;  // of random blocks, or what a chunk is at most
  const std::unique_ptr<class DoneWindow> window_;
  alignas(64) std::atomic<std::uint64_t> next_;
  std::atomic<std::size_t> next_missing_{0};  // of from_.missing
};

}  // namespace spliced::workload
