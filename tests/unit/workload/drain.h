// SPDX-License-Identifier: Apache-2.0
// Helpers shared by the tests of the generator.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "spliced/workload/generator.h"

namespace spliced::workload {

inline constexpr std::uint64_t kBlock = 4096;
inline constexpr std::uint64_t kOffset = 1 << 20;

inline WorkloadSpec spec_for(Mode mode, unsigned workers = 1) {
  WorkloadSpec spec;
  spec.rw = mode;
  spec.bs = kBlock;
  spec.workers = workers;
  return spec;
}

// `blocks` blocks, the last of them `missing` bytes short.
inline BlockRange range_of(std::uint64_t blocks, std::uint64_t missing = 0) {
  return {kOffset, blocks * kBlock - missing, kBlock};
}

// All requests of one worker, at most `limit`.
inline std::vector<Request> drain(const WorkloadSpec& spec, const BlockRange& range, unsigned worker,
                                  std::size_t limit = 1'000'000) {
  Generator generator(spec, range, worker);
  std::vector<Request> out;
  Request request;
  while (out.size() < limit && generator.next(request)) out.push_back(request);
  return out;
}

// Whether a request is exactly one block of the range.
inline bool is_block(const Request& request, const BlockRange& range) {
  if (request.offset < range.offset || (request.offset - range.offset) % range.block != 0) return false;
  const std::uint64_t index = (request.offset - range.offset) / range.block;
  return index < range.count() && request.length == range.length_of(index);
}

// How often each offset was visited by all workers together.
inline std::map<std::uint64_t, std::uint64_t> visits(const WorkloadSpec& spec, const BlockRange& range) {
  std::map<std::uint64_t, std::uint64_t> out;
  for (unsigned worker = 0; worker < spec.workers; ++worker) {
    for (const Request& request : drain(spec, range, worker)) {
      if (util::op_class(request.op) != util::OpClass::sync) ++out[request.offset];
    }
  }
  return out;
}

}  // namespace spliced::workload
