// SPDX-License-Identifier: Apache-2.0
// The syncs that a worker puts between and after its writes.
#include "spliced/workload/request_feed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "drain.h"

namespace spliced::workload {
namespace {

using util::Op;

std::string signs(const std::vector<Request>& requests) {
  std::string out;
  for (const Request& request : requests) out += "rwtfds"[static_cast<std::size_t>(request.op)];
  return out;
}

std::string signs(const WorkloadSpec& spec, std::uint64_t blocks) {
  return signs(drain(spec, range_of(blocks)));
}

TEST(RequestFeedSync, NoneUnlessAsked) {
  EXPECT_EQ(signs(spec_for(Mode::write), 5), "wwwww");
}

TEST(RequestFeedSync, FsyncComesAfterThatManyWrites) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 3;
  EXPECT_EQ(signs(spec, 8), "wwwfwwwfww");
  spec.fsync = 1;
  EXPECT_EQ(signs(spec, 3), "wfwfwf");
  spec.fsync = 4;
  EXPECT_EQ(signs(spec, 4), "wwwwf") << "the last one is not lost";
  EXPECT_EQ(signs(spec, 3), "www");
}

TEST(RequestFeedSync, FdatasyncLikewise) {
  WorkloadSpec spec = spec_for(Mode::randwrite);
  spec.fdatasync = 2;
  EXPECT_EQ(signs(spec, 5), "wwdwwdw");
}

TEST(RequestFeedSync, SyncFileRangeLikewise) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.sync_file_range = 2;
  EXPECT_EQ(signs(spec, 5), "wwswwsw");
}

TEST(RequestFeedSync, AllOfThemInOneSequence) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 6;
  spec.fdatasync = 3;
  spec.sync_file_range = 2;
  EXPECT_EQ(signs(spec, 6), "wwswdwswwsdf") << "write-back is started first, the strongest comes last";
}

TEST(RequestFeedSync, CountsOverTheLoops) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 4;
  spec.loops = 3;
  EXPECT_EQ(signs(spec, 3), "wwwwfwwwwfw");
}

TEST(RequestFeedSync, CountsWritesOfAMixAlone) {
  WorkloadSpec spec = spec_for(Mode::randrw);
  spec.fsync = 5;
  int writes = 0;
  bool due = false;
  for (const char sign : signs(spec, 2'000)) {
    ASSERT_EQ(sign == 'f', due);
    if (sign == 'w') ++writes;
    due = sign == 'w' && writes % 5 == 0;
  }
}

TEST(RequestFeedSync, NeverAfterReadsOrTrims) {
  for (const Mode mode : {Mode::read, Mode::randread, Mode::trim, Mode::randtrim}) {
    WorkloadSpec spec = spec_for(mode);
    spec.fsync = spec.fdatasync = spec.sync_file_range = 1;
    EXPECT_EQ(drain(spec, range_of(10)).size(), 10U);
  }
}

TEST(RequestFeedSync, FsyncHasNeitherRangeNorPosition) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 1;
  spec.fdatasync = 1;
  for (const Request& request : drain(spec, range_of(5))) {
    if (request.op == Op::write) continue;
    EXPECT_EQ(request.offset, 0U);
    EXPECT_EQ(request.length, 0U);
    EXPECT_EQ(request.position, kNoPosition);
  }
}

TEST(RequestFeedSync, SyncFileRangeCoversTheWorkersWritesSinceTheLastOne) {
  for (const Mode mode : {Mode::write, Mode::randwrite, Mode::randrw}) {
    WorkloadSpec spec = spec_for(mode, 2);
    spec.sync_file_range = 4;
    BlockSource source(spec, range_of(101, 512));
    RequestFeed other(spec, source);
    RequestFeed feed(spec, source);
    std::uint64_t begin = ~std::uint64_t{0};
    std::uint64_t end = 0;
    Request request;
    while (feed.next(request, 2) == RequestFeed::Next::request) {
      if (request.op == Op::write) {
        begin = std::min(begin, request.offset);
        end = std::max(end, request.offset + request.length);
      } else if (request.op == Op::sync_file_range) {
        ASSERT_EQ(request.offset, begin);
        ASSERT_EQ(request.length, end - begin);
        begin = ~std::uint64_t{0};
        end = 0;
      }
      (void)other.next(request, 2);
    }
  }
}

TEST(RequestFeedSync, DoesNotChangeWhatIsWritten) {
  WorkloadSpec spec = spec_for(Mode::randwrite);
  const auto plain = drain(spec, range_of(50));
  spec.fsync = 2;
  spec.sync_file_range = 3;
  auto writes = drain(spec, range_of(50));
  std::erase_if(writes, [](const Request& request) { return request.op != Op::write; });
  EXPECT_EQ(writes, plain);
}

// Every request of a worker alone.
RequestFeed& finish(RequestFeed& feed) {
  Request request;
  while (feed.next(request, 4) == RequestFeed::Next::request) EXPECT_NE(request.op, Op::fsync);
  return feed;
}

TEST(RequestFeedLast, IsOneFsyncAfterTheWrites) {
  for (const Mode mode : {Mode::write, Mode::randwrite, Mode::rw, Mode::randrw}) {
    WorkloadSpec spec = spec_for(mode);
    spec.end_fsync = true;
    BlockSource source(spec, range_of(50));
    RequestFeed feed(spec, source);
    Request request;
    ASSERT_TRUE(finish(feed).last(request));
    EXPECT_EQ(request.op, Op::fsync);
    EXPECT_EQ(request.length, 0U);
    EXPECT_FALSE(feed.last(request)) << "once is enough";
  }
}

TEST(RequestFeedLast, NotUnlessAskedFor) {
  const WorkloadSpec spec = spec_for(Mode::write);
  BlockSource source(spec, range_of(5));
  RequestFeed feed(spec, source);
  Request request;
  EXPECT_FALSE(finish(feed).last(request));
}

TEST(RequestFeedLast, NotWhenNothingWasWritten) {
  for (const Mode mode : {Mode::read, Mode::randread, Mode::trim, Mode::randtrim, Mode::rw}) {
    WorkloadSpec spec = spec_for(mode);
    spec.end_fsync = true;
    spec.rwmixread = 100;
    BlockSource source(spec, range_of(5));
    RequestFeed feed(spec, source);
    Request request;
    EXPECT_FALSE(finish(feed).last(request));
  }
}

TEST(RequestFeedLast, AlsoWhenStoppedOnTheWay) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.end_fsync = true;
  BlockSource source(spec, range_of(5));
  RequestFeed feed(spec, source);
  Request request;
  EXPECT_FALSE(feed.last(request));
  ASSERT_EQ(feed.next(request, 1), RequestFeed::Next::request);
  EXPECT_TRUE(feed.last(request));
}

}  // namespace
}  // namespace spliced::workload
