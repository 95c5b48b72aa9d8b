// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/block_source.h"

#include <algorithm>
#include <limits>

#include "done_window.h"

namespace spliced::workload {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 63;             // positions: no job comes to so many
constexpr std::uint64_t kSequentialBytes = std::uint64_t{1} << 20;  // of a chunk, so that a disk sees them in order
constexpr std::uint64_t kRandomBlocks = 64;                         // of a chunk
constexpr std::uint64_t kChunksPerWorker = 8;                       // at least, so that all end together

std::uint64_t times(std::uint64_t amount, std::uint64_t loops, std::uint64_t most) {
  return amount != 0 && loops > most / amount ? most : amount * loops;
}

std::uint64_t end_of(const WorkloadSpec& spec, std::uint64_t count) {
  if (spec.time_based) return count == 0 ? 0 : kMost;
  return times(count, spec.loops, kMost);
}

std::uint64_t bytes_of(const WorkloadSpec& spec, const BlockRange& range) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  if (spec.time_based) return 0;
  return times(times(range.size, spec.read_back != 0 ? 2 : 1, kAll), spec.loops, kAll);
}

// What is due one after the other is taken one by one: whoever is free does it.
std::uint64_t most_of(const WorkloadSpec& spec, const BlockRange& range) {
  if (paced(spec)) return 1;
  if (!is_random(spec.rw))
    return std::max<std::uint64_t>(1, kSequentialBytes / std::max<std::uint64_t>(1, range.block));
  return std::clamp<std::uint64_t>(requests_in(spec, range) / (kChunksPerWorker * spec.workers), 1, kRandomBlocks);
}

}  // namespace

BlockSource::BlockSource(const WorkloadSpec& spec, const BlockRange& range, const Cursor& from,
                         std::uint64_t first_number)
    : range_(range),
      first_number_(first_number),
      pass_(spec, range, first_number),
      from_(from),
      resumed_(from.watermark + 64 * from.done.size()),
      end_(end_of(spec, pass_.count())),
      total_bytes_(bytes_of(spec, range)),
      rounds_apart_(spec.rounds_apart),
      chunk_(most_of(spec, range)),
      window_(std::make_unique<DoneWindow>(from)),
      next_(from.watermark) {}

BlockSource::~BlockSource() = default;

Cursor BlockSource::cursor() const {
  Cursor out;
  window_->copy_to(out);
  // After the window: nothing is done in it that had not been taken.
  out.position = std::max(next_.load(), out.watermark);
  return out;
}

std::uint64_t BlockSource::total_bytes() const {
  return total_bytes_;
}

// Sequential blocks go as they are done together; of random ones it does not matter, and fewer turns at the counter are
// better.
std::uint64_t BlockSource::chunk_for(std::uint64_t batch) const {
  return pass_.sequential() ? std::clamp<std::uint64_t>(batch, 1, chunk_) : chunk_;
}

BlockSource::Taken BlockSource::take(std::uint64_t batch, Chunk& out) {
  if (!from_.missing.empty() && take_missing(out)) return Taken::chunk;
  const std::uint64_t most = chunk_for(batch);
  std::uint64_t begin = next_.load(std::memory_order_relaxed);
  for (;;) {
    if (begin >= end_) return Taken::none;
    std::uint64_t end = std::min(begin + most, end_);
    if (rounds_apart_) {
      const std::uint64_t in_round = begin % pass_.count();
      if (!may_begin(begin, in_round)) return Taken::later;
      end = std::min(end, begin - in_round + pass_.count());
    }
    if (end > window_->limit() && !window_->make_room(end)) return Taken::later;
    if (next_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) {
      out = {begin, end};
      return Taken::chunk;
    }
  }
}

// Whoever begins a round waits for all of the one before.
bool BlockSource::may_begin(std::uint64_t position, std::uint64_t in_round) {
  return in_round != 0 || position == 0 || window_->all_done_before(position);
}

bool BlockSource::is_done(std::uint64_t position) const {
  return window_->is_done(position);
}

bool BlockSource::take_missing(Chunk& out) {
  if (next_missing_.load(std::memory_order_relaxed) >= from_.missing.size()) return false;
  const std::size_t index = next_missing_.fetch_add(1, std::memory_order_relaxed);
  if (index >= from_.missing.size()) return false;
  out = {from_.missing[index], from_.missing[index] + 1};
  return true;
}

void BlockSource::mark(std::uint64_t group, std::uint32_t positions) {
  window_->mark(group, positions);
}

}  // namespace spliced::workload
