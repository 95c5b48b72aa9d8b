// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/block_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "drain.h"
#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

using util::Op;

constexpr unsigned kWorkerCounts[] = {1, 2, 3, 4, 7, 16, 64};

TEST(BlockSource, AnyNumberOfWorkersVisitsEachBlockOnce) {
  for (const Mode mode : kAllModes) {
    for (const unsigned workers : kWorkerCounts) {
      for (const std::uint64_t blocks : {1, 2, 5, 64, 65, 509}) {
        const BlockRange range = range_of(blocks, 1024);
        const auto seen = visits(spec_for(mode, workers), range);
        ASSERT_EQ(seen.size(), blocks) << kModeNames[static_cast<std::size_t>(mode)] << " " << workers;
        for (const auto& [offset, count] : seen) ASSERT_EQ(count, 1U) << offset;
      }
    }
  }
}

TEST(BlockSource, LoopsRepeatTheRange) {
  for (const Mode mode : {Mode::read, Mode::randwrite, Mode::randtrim}) {
    for (const std::uint64_t loops : {1, 2, 5}) {
      WorkloadSpec spec = spec_for(mode, 3);
      spec.loops = loops;
      const auto seen = visits(spec, range_of(100, 512));
      ASSERT_EQ(seen.size(), 100U);
      for (const auto& [offset, count] : seen) ASSERT_EQ(count, loops) << offset;
    }
  }
}

TEST(BlockSource, PositionsNumberTheBlocksThroughAllRounds) {
  WorkloadSpec spec = spec_for(Mode::randrw);
  spec.loops = 3;
  const BlockRange range = range_of(50);
  const auto requests = drain(spec, range);
  ASSERT_EQ(requests.size(), 150U);
  for (std::uint64_t i = 0; i < 150; ++i) {
    Request expected = Pass(spec, range, i / 50).at(i % 50);
    expected.position = i;
    ASSERT_EQ(requests[i], expected);
  }
}

TEST(BlockSource, TimeBasedNeverEndsAndGoesRoundByRound) {
  const BlockRange range = range_of(10, 512);
  for (const Mode mode : kAllModes) {
    WorkloadSpec spec = spec_for(mode, 3);
    spec.time_based = true;
    const auto requests = drain(spec, range, 5'000);
    ASSERT_EQ(requests.size(), 5'000U) << kModeNames[static_cast<std::size_t>(mode)];
    std::map<std::uint64_t, int> seen;
    for (const Request& request : requests) {
      ASSERT_TRUE(is_block(request, range));
      ++seen[request.offset];
    }
    for (const auto& [offset, count] : seen) EXPECT_EQ(count, 500) << offset;
    EXPECT_EQ(BlockSource(spec, range).total_bytes(), 0U);
  }
}

TEST(BlockSource, IsDoneForGood) {
  const WorkloadSpec spec = spec_for(Mode::randwrite);
  BlockSource source(spec, range_of(3));
  RequestFeed feed(spec, source);
  Request request;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(feed.next(request, 1), RequestFeed::Next::request);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(feed.next(request, 1), RequestFeed::Next::end);
}

TEST(BlockSource, MoreWorkersThanBlocks) {
  for (const Mode mode : kAllModes) EXPECT_EQ(visits(spec_for(mode, 64), range_of(3, 512)).size(), 3U);
}

TEST(BlockSource, AnEmptyRangeHasNothingToDo) {
  for (const Mode mode : kAllModes) {
    for (const bool time_based : {false, true}) {
      WorkloadSpec spec = spec_for(mode);
      spec.time_based = time_based;
      const BlockRange range{kOffset, 0, kBlock};
      EXPECT_TRUE(drain(spec, range).empty());
      EXPECT_EQ(BlockSource(spec, range).total_bytes(), 0U);
    }
  }
}

TEST(BlockSource, SequentialChunksAreABatchButNoMoreThanAMebibyte) {
  for (const auto& [bs, batch, expected] :
       {std::tuple{4096U, 16U, 16U}, {4096U, 1U, 1U}, {4096U, 1'000U, 256U}, {1U << 20, 16U, 1U}, {4U << 20, 2U, 1U}}) {
    WorkloadSpec spec = spec_for(Mode::write, 4);
    spec.bs = bs;
    BlockSource source(spec, {0, std::uint64_t{bs} * 10'000, bs});
    BlockSource::Chunk chunk;
    ASSERT_EQ(source.take(batch, chunk), BlockSource::Taken::chunk);
    EXPECT_EQ(chunk.end - chunk.begin, expected) << bs << " " << batch;
  }
}

TEST(BlockSource, RandomChunksLeaveSomethingForEachWorker) {
  for (const auto& [blocks, workers, expected] :
       {std::tuple{1U << 20, 4U, 64U}, {1'000U, 4U, 31U}, {100U, 4U, 3U}, {100U, 64U, 1U}}) {
    const WorkloadSpec spec = spec_for(Mode::randread, workers);
    BlockSource source(spec, range_of(blocks));
    BlockSource::Chunk chunk;
    ASSERT_EQ(source.take(1, chunk), BlockSource::Taken::chunk);
    EXPECT_EQ(chunk.end - chunk.begin, expected);
  }
}

TEST(BlockSource, WhatIsPacedIsTakenOneByOne) {
  WorkloadSpec spec = spec_for(Mode::randread, 4);
  spec.rate_iops = 100;
  BlockSource source(spec, range_of(1 << 20));
  BlockSource::Chunk chunk;
  ASSERT_EQ(source.take(64, chunk), BlockSource::Taken::chunk);
  EXPECT_EQ(chunk.end - chunk.begin, 1U);
}

// What a disk sees of several workers who take turns is what it would see of one, but for a batch of each.
TEST(BlockSource, SequentialStaysSequentialForTheDisk) {
  for (const unsigned workers : kWorkerCounts) {
    constexpr std::uint64_t kBatch = 16;
    std::uint64_t last = kOffset;
    for (const Request& request : drain(spec_for(Mode::read, workers), range_of(20'000), 1'000'000, kBatch)) {
      EXPECT_LE(request.offset, last + 2 * kBatch * workers * kBlock);
      EXPECT_LE(last, request.offset + 2 * kBatch * workers * kBlock);
      last = request.offset;
    }
  }
}

TEST(BlockSourceTotal, IsTheRangeInEachRound) {
  for (const std::uint64_t missing : {0, 512, 4095}) {
    for (const std::uint64_t blocks : {1, 3, 64, 101}) {
      WorkloadSpec spec = spec_for(Mode::randwrite, 3);
      spec.loops = 3;
      const BlockRange range = range_of(blocks, missing);
      std::uint64_t sum = 0;
      for (const Request& request : drain(spec, range)) sum += request.length;
      EXPECT_EQ(BlockSource(spec, range).total_bytes(), sum);
    }
  }
}

TEST(BlockSourceTotal, SyncsDoNotCount) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 1;
  EXPECT_EQ(BlockSource(spec, range_of(10)).total_bytes(), 10 * kBlock);
}

TEST(BlockSourceTotal, ManyLoopsDoNotOverflow) {
  WorkloadSpec spec = spec_for(Mode::read);
  spec.loops = std::uint64_t{1} << 44;
  BlockSource source(spec, range_of(1 << 18));
  EXPECT_EQ(source.total_bytes(), std::numeric_limits<std::uint64_t>::max());
  RequestFeed feed(spec, source);
  Request request;
  EXPECT_EQ(feed.next(request, 1), RequestFeed::Next::request);
}

// Another way to the same blocks, as a tester would write it down: each worker has a part of the range, or each Nth
// block of the order, and goes through it again in each loop.
std::vector<Request> by_parts(const WorkloadSpec& spec, const BlockRange& range) {
  std::vector<Request> out;
  for (unsigned worker = 0; worker < spec.workers; ++worker) {
    for (std::uint64_t loop = 0; loop < spec.loops; ++loop) {
      const Permutation permutation(range.count(), util::mix64(spec.seed + loop));
      for (std::uint64_t i = worker; i < range.count(); i += spec.workers) {
        const std::uint64_t block = is_random(spec.rw) ? permutation(i) : i;
        const Op op = is_trim(spec.rw) ? Op::trim : reads(spec.rw) ? Op::read : Op::write;
        out.push_back({op, range.start_of(block), range.length_of(block)});
      }
    }
  }
  return out;
}

// In an order of their own, and without what may differ: positions, and which block of a mix is read.
std::vector<std::tuple<Op, std::uint64_t, std::uint64_t>> sorted(const std::vector<Request>& requests, bool mixed) {
  std::vector<std::tuple<Op, std::uint64_t, std::uint64_t>> out;
  for (const Request& request : requests) {
    if (util::op_class(request.op) == util::OpClass::sync) continue;
    out.emplace_back(mixed ? Op::read : request.op, request.offset, request.length);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(BlockSource, DoesWhatWorkersWithPartsOfTheirOwnDo) {
  util::Random random(15);
  for (int i = 0; i < 500; ++i) {
    WorkloadSpec spec = spec_for(kAllModes[random.below(8)], 1 + static_cast<unsigned>(random.below(9)));
    spec.loops = 1 + random.below(4);
    spec.seed = random();
    spec.rwmixread = static_cast<unsigned>(random.below(101));
    if (random.below(3) == 0) spec.rate_iops = 1'000;
    if (random.below(3) == 0) spec.fsync = 1 + random.below(10);
    const BlockRange range = range_of(1 + random.below(300), random.below(8) * 512);
    const auto requests = drain(spec, range, 1'000'000, 1 + random.below(40));
    ASSERT_EQ(sorted(requests, is_mixed(spec.rw)), sorted(by_parts(spec, range), is_mixed(spec.rw))) << i;
  }
}

TEST(BlockSource, DrawsAsManyBlocksAsThereAre) {
  for (const auto kind : {Distribution::Kind::zipf, Distribution::Kind::pareto, Distribution::Kind::normal}) {
    WorkloadSpec spec = spec_for(Mode::randwrite, 5);
    spec.distribution = {kind, kind == Distribution::Kind::pareto ? 0.2 : 1.2};
    spec.loops = 2;
    const BlockRange range = range_of(1'001);
    const auto requests = drain(spec, range);
    EXPECT_EQ(requests.size(), 2'002U);
    for (const Request& request : requests) ASSERT_TRUE(is_block(request, range));
    spec.workers = 1;
    EXPECT_EQ(sorted(requests, false), sorted(drain(spec, range), false)) << "however many draw them";
  }
}

}  // namespace
}  // namespace spliced::workload
