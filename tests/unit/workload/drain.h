// SPDX-License-Identifier: Apache-2.0
// Workers of a source, in one thread: who comes next, and what ends when, is as the test has it.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "spliced/workload/request_feed.h"

namespace spliced::workload {

inline constexpr Mode kAllModes[] = {Mode::read, Mode::write,  Mode::randread, Mode::randwrite,
                                     Mode::rw,   Mode::randrw, Mode::trim,     Mode::randtrim};
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

inline bool operator==(const Request& a, const Request& b) {
  return a.op == b.op && a.offset == b.offset && a.length == b.length && a.position == b.position;
}

// All requests of a source whose workers take turns, each with a batch of blocks that are done at once; at most
// `limit`.
inline std::vector<Request> drain(const WorkloadSpec& spec, const BlockRange& range, std::size_t limit = 1'000'000,
                                  std::size_t batch = 4) {
  BlockSource source(spec, range);
  std::vector<std::unique_ptr<RequestFeed>> feeds;
  for (unsigned worker = 0; worker < spec.workers; ++worker) {
    feeds.push_back(std::make_unique<RequestFeed>(spec, source));
  }
  std::vector<Request> out;
  for (bool any = true; any;) {
    any = false;
    for (const auto& feed : feeds) {
      Request request;
      for (std::size_t i = 0; i < batch && out.size() < limit; ++i) {
        if (feed->next(request, batch) != RequestFeed::Next::request) break;
        any = true;
        out.push_back(request);
        if (request.position != kNoPosition) feed->done(request.position);
      }
      feed->publish();
    }
  }
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
  for (const Request& request : drain(spec, range)) {
    if (util::op_class(request.op) != util::OpClass::sync) ++out[request.offset];
  }
  return out;
}

}  // namespace spliced::workload
