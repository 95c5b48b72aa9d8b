// SPDX-License-Identifier: Apache-2.0
#include "candidates.h"

#include <algorithm>
#include <array>
#include <bit>

#include "splice_engine.h"
#include "spliced/util/page_buffer.h"

namespace spliced::engine {
namespace {

// From what a pipe has from the start (pipe(7)), which stays in a CPU's cache, to what an unprivileged user may have.
constexpr std::array<std::uint64_t, 4> kPipes{64 * 1024, 128 * 1024, 256 * 1024, kMaxAutoPipe};
// A pipe that may not grow any further is still given this much by the kernel (PIPE_MIN_DEF_BUFFERS, pipe(7)).
constexpr std::uint64_t kLeastPipe = 8 * 1024;
constexpr std::size_t kBatchStep = 4;

// A block of less than a page may take a slot of its own.
std::size_t blocks_in(std::uint64_t pipe, const Load& load) {
  const std::size_t block = util::round_up(std::clamp<std::size_t>(load.block, 1, kMaxPipe), util::kPageSize);
  return std::clamp<std::size_t>(pipe / block, 1, kMaxBatch);
}

// What is spread over time is not to come in bursts.
bool may_batch(const SpliceOptions& options, const Load& load) {
  return options.batch == 0 && !load.spread;
}

// The least pipe that holds `bytes`, between the smallest and the largest of kPipes.
std::uint64_t pipe_for(std::uint64_t bytes, std::uint64_t limit) {
  return std::min(limit, std::bit_ceil(std::clamp(bytes, kPipes.front(), kPipes.back())));
}

std::vector<Setting> settings_of_pipe(const SpliceOptions& options, const Load& load, const Allowance& allowance) {
  const std::uint64_t pipe = options.pipe_size;
  if (options.batch != 0) return {{pipe, options.batch}};
  std::vector<Setting> settings{{pipe, 1}};
  // Every block of a batch that is written has a buffer: a large pipe alone does not ask for that many.
  const std::uint64_t batch_limit = std::min(allowance.batch_limit, kMaxAutoPipe);
  const std::size_t most = may_batch(options, load) ? blocks_in(std::min(pipe, batch_limit), load) : 1;
  for (std::size_t batch = kBatchStep; batch <= most; batch *= kBatchStep) settings.push_back({pipe, batch});
  return settings;
}

// Where pipes have become small there may be room for less than the job asks for.
Setting setting_of_batch(const SpliceOptions& options, const Load& load, std::uint64_t limit) {
  const std::uint64_t bs = std::clamp<std::uint64_t>(load.block, 1, kMaxPipe);
  const std::uint64_t blocks = std::min<std::uint64_t>(options.batch, kMaxBatch);
  const std::uint64_t pipe = pipe_for(bs * blocks, limit);
  return {pipe, std::clamp<std::size_t>(pipe / bs, 1, blocks)};
}

}  // namespace

// One block at a time through a pipe of a block, which makes it one system call, and through smaller ones, which keep
// what passes in the cache; then as many blocks as each pipe holds.
std::vector<Setting> splice_candidates(const SpliceOptions& options, const Load& load, const Allowance& allowance) {
  if (options.pipe_size != 0) return settings_of_pipe(options, load, allowance);
  const std::uint64_t granted = std::bit_floor(std::clamp(allowance.size_limit, kLeastPipe, kMaxAutoPipe));
  if (options.batch > 1) return {setting_of_batch(options, load, granted)};
  const std::uint64_t whole = pipe_for(load.block, granted);
  std::vector<Setting> settings{{whole, 1}};
  for (auto pipe = kPipes.rbegin(); pipe != kPipes.rend(); ++pipe) {
    if (*pipe < whole) settings.push_back({*pipe, 1});
  }
  if (!may_batch(options, load)) return settings;
  std::size_t most = 1;
  for (const std::uint64_t pipe : kPipes) {
    const std::size_t batch = blocks_in(std::min({pipe, granted, allowance.batch_limit}), load);
    if (batch > most) settings.push_back({std::min(pipe, granted), most = batch});
  }
  return settings;
}

}  // namespace spliced::engine
