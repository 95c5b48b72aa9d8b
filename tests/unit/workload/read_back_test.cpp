// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/read_back.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "spliced/workload/block_source.h"
#include "spliced/workload/request_feed.h"

namespace spliced::workload {
namespace {

TEST(ReadBack, EachBlockIsWrittenOnceAndThenReadOnce) {
  for (const std::uint64_t blocks : {1U, 2U, 7U, 64U, 65U, 100U, 1000U}) {
    for (const std::uint64_t chunk : {1U, 3U, 16U, 64U}) {
      for (const std::uint64_t distance : {1U, 5U, 64U, 99U, 5000U}) {
        const ReadBack order(blocks, chunk, distance);
        ASSERT_EQ(order.count(), 2 * blocks);
        std::vector<std::uint64_t> written(blocks, 0), read(blocks, 0);
        for (std::uint64_t at = 0; at < order.count(); ++at) {
          const auto [reads, index] = order.at(at);
          ASSERT_LT(index, blocks) << at;
          ASSERT_EQ(reads ? order.position_of_read(index) : order.position_of_write(index), at);
          ++(reads ? read : written)[index];
          ASSERT_TRUE(!reads || order.position_of_write(index) < at);
        }
        ASSERT_EQ(std::count(written.begin(), written.end(), 1U), static_cast<std::ptrdiff_t>(blocks));
        ASSERT_EQ(std::count(read.begin(), read.end(), 1U), static_cast<std::ptrdiff_t>(blocks));
      }
    }
  }
}

TEST(ReadBack, AReadComesADistanceBehindWhatIsWritten) {
  const ReadBack order(10'000, 16, 1000);
  std::uint64_t written = 0;
  for (std::uint64_t at = 0; at < order.count(); ++at) {
    const auto [reads, index] = order.at(at);
    if (!reads) {
      ASSERT_EQ(index, written++) << "in order";
    } else if (written < 10'000) {
      ASSERT_GE(written - index, 1000U) << at;
      ASSERT_LE(written - index, 1000U + 3 * 16) << at;
    }
  }
}

WorkloadSpec reading_back(std::uint64_t distance, unsigned workers = 1) {
  WorkloadSpec spec;
  spec.rw = Mode::randwrite;
  spec.read_back = distance;
  spec.rounds_apart = true;
  spec.workers = workers;
  return spec;
}

TEST(ReadBack, NoReadBeginsBeforeItsWriteIsDone) {
  const WorkloadSpec spec = reading_back(4096 * 8);
  BlockSource source(spec, {0, 4096 * 64, 4096});
  RequestFeed feed(spec, source), other(spec, source);
  std::vector<Request> taken;
  Request request;
  while (feed.next(request, 1) == RequestFeed::Next::request) taken.push_back(request);
  // Writes that nobody has done: their reads wait.
  ASSERT_FALSE(taken.empty());
  EXPECT_TRUE(std::all_of(taken.begin(), taken.end(), [](auto& one) { return one.op == util::Op::write; }));
  EXPECT_EQ(feed.next(request, 1), RequestFeed::Next::later);
  for (const Request& one : taken) feed.done(one.position);
  ASSERT_EQ(feed.next(request, 1), RequestFeed::Next::request);
  EXPECT_EQ(request.op, util::Op::read);
}

TEST(ReadBack, ARoundBeginsWhenTheOneBeforeHasEnded) {
  WorkloadSpec spec = reading_back(0);
  spec.loops = 3;
  BlockSource source(spec, {0, 4096 * 10, 4096});
  RequestFeed feed(spec, source);
  Request request;
  std::vector<std::uint64_t> positions;
  while (feed.next(request, 4) == RequestFeed::Next::request) positions.push_back(request.position);
  EXPECT_EQ(positions.size(), 10U) << "of the first round";
  EXPECT_EQ(feed.next(request, 4), RequestFeed::Next::later);
  for (std::size_t i = 0; i + 1 < positions.size(); ++i) feed.done(positions[i]);
  feed.publish();
  EXPECT_EQ(feed.next(request, 4), RequestFeed::Next::later) << "one is missing";
  feed.done(positions.back());
  feed.publish();
  ASSERT_EQ(feed.next(request, 4), RequestFeed::Next::request);
  EXPECT_EQ(request.round, 1U);
  EXPECT_EQ(request.position, 10U);
}

TEST(ReadBack, BytesAreThoseOfBothWays) {
  WorkloadSpec spec = reading_back(4096);
  spec.loops = 2;
  EXPECT_EQ(BlockSource(spec, {0, 40'960, 4096}).total_bytes(), 4U * 40'960);
  EXPECT_EQ(requests_in(spec, {0, 40'960, 4096}), 20U);
}

TEST(ReadBack, WhereABlockIsWrittenIsKnown) {
  const WorkloadSpec spec = reading_back(4096 * 100);
  const Pass pass(spec, {8192, 4096 * 1000, 4096}, 3);
  for (std::uint64_t block = 0; block < 1000; ++block) {
    const auto at = pass.index_of_change(block);
    ASSERT_TRUE(at);
    const Request request = pass.at(*at);
    EXPECT_EQ(request.op, util::Op::write);
    EXPECT_EQ(request.offset, 8192 + block * 4096);
  }
}

}  // namespace
}  // namespace spliced::workload
