// SPDX-License-Identifier: Apache-2.0
// The syncs that a generator puts between and after its writes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "drain.h"
#include "spliced/workload/generator.h"

namespace spliced::workload {
namespace {

using util::Op;

std::string signs(const std::vector<Request>& requests) {
  std::string out;
  for (const Request& request : requests) out += "rwtfds"[static_cast<std::size_t>(request.op)];
  return out;
}

std::string signs(const WorkloadSpec& spec, std::uint64_t blocks) {
  return signs(drain(spec, range_of(blocks), 0));
}

TEST(GeneratorSync, NoneUnlessAsked) {
  EXPECT_EQ(signs(spec_for(Mode::write), 5), "wwwww");
}

TEST(GeneratorSync, FsyncComesAfterThatManyWrites) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 3;
  EXPECT_EQ(signs(spec, 8), "wwwfwwwfww");
  spec.fsync = 1;
  EXPECT_EQ(signs(spec, 3), "wfwfwf");
  spec.fsync = 4;
  EXPECT_EQ(signs(spec, 4), "wwwwf") << "the last one is not lost";
  EXPECT_EQ(signs(spec, 3), "www");
}

TEST(GeneratorSync, FdatasyncLikewise) {
  WorkloadSpec spec = spec_for(Mode::randwrite);
  spec.fdatasync = 2;
  EXPECT_EQ(signs(spec, 5), "wwdwwdw");
}

TEST(GeneratorSync, SyncFileRangeLikewise) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.sync_file_range = 2;
  EXPECT_EQ(signs(spec, 5), "wwswwsw");
}

TEST(GeneratorSync, AllOfThemInOneSequence) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 6;
  spec.fdatasync = 3;
  spec.sync_file_range = 2;
  EXPECT_EQ(signs(spec, 6), "wwswdwswwsdf") << "write-back is started first, the strongest comes last";
}

TEST(GeneratorSync, CountsOverTheLoops) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 4;
  spec.loops = 3;
  EXPECT_EQ(signs(spec, 3), "wwwwfwwwwfw");
}

TEST(GeneratorSync, CountsWritesOfAMixAlone) {
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

TEST(GeneratorSync, NeverAfterReadsOrTrims) {
  for (const Mode mode : {Mode::read, Mode::randread, Mode::trim, Mode::randtrim}) {
    WorkloadSpec spec = spec_for(mode);
    spec.fsync = spec.fdatasync = spec.sync_file_range = 1;
    EXPECT_EQ(drain(spec, range_of(10), 0).size(), 10U);
  }
}

TEST(GeneratorSync, FsyncHasNoRange) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 1;
  spec.fdatasync = 1;
  for (const Request& request : drain(spec, range_of(5), 0)) {
    if (request.op == Op::write) continue;
    EXPECT_EQ(request.offset, 0U);
    EXPECT_EQ(request.length, 0U);
  }
}

TEST(GeneratorSync, SyncFileRangeCoversTheWritesSinceTheLastOne) {
  for (const Mode mode : {Mode::write, Mode::randwrite, Mode::randrw}) {
    WorkloadSpec spec = spec_for(mode, 2);
    spec.sync_file_range = 4;
    std::uint64_t begin = ~std::uint64_t{0};
    std::uint64_t end = 0;
    for (const Request& request : drain(spec, range_of(101, 512), 1)) {
      if (request.op == Op::write) {
        begin = std::min(begin, request.offset);
        end = std::max(end, request.offset + request.length);
      } else if (request.op == Op::sync_file_range) {
        ASSERT_EQ(request.offset, begin);
        ASSERT_EQ(request.length, end - begin);
        begin = ~std::uint64_t{0};
        end = 0;
      }
    }
  }
}

TEST(GeneratorSync, DoesNotChangeWhatIsWritten) {
  WorkloadSpec spec = spec_for(Mode::randwrite, 2);
  const auto plain = drain(spec, range_of(50), 1);
  spec.fsync = 2;
  spec.sync_file_range = 3;
  std::vector<Request> writes;
  for (const Request& request : drain(spec, range_of(50), 1)) {
    if (request.op == Op::write) writes.push_back(request);
  }
  ASSERT_EQ(writes.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(writes[i].offset, plain[i].offset);
}

TEST(GeneratorSync, CountsNotTowardsTheTotal) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.fsync = 1;
  spec.sync_file_range = 2;
  EXPECT_EQ(Generator(spec, range_of(10), 0).total_bytes(), 10 * kBlock);
}

TEST(GeneratorLast, IsOneFsyncAfterTheWrites) {
  for (const Mode mode : {Mode::write, Mode::randwrite, Mode::rw, Mode::randrw}) {
    WorkloadSpec spec = spec_for(mode);
    spec.end_fsync = true;
    Generator generator(spec, range_of(50), 0);
    Request request;
    while (generator.next(request)) ASSERT_NE(request.op, Op::fsync);
    ASSERT_TRUE(generator.last(request));
    EXPECT_EQ(request.op, Op::fsync);
    EXPECT_EQ(request.length, 0U);
    EXPECT_FALSE(generator.last(request)) << "once is enough";
  }
}

TEST(GeneratorLast, NotUnlessAskedFor) {
  Generator generator(spec_for(Mode::write), range_of(5), 0);
  Request request;
  while (generator.next(request)) continue;
  EXPECT_FALSE(generator.last(request));
}

TEST(GeneratorLast, NotWhenNothingWasWritten) {
  for (const Mode mode : {Mode::read, Mode::randread, Mode::trim, Mode::randtrim}) {
    WorkloadSpec spec = spec_for(mode);
    spec.end_fsync = true;
    Generator generator(spec, range_of(5), 0);
    Request request;
    while (generator.next(request)) continue;
    EXPECT_FALSE(generator.last(request));
  }
  WorkloadSpec spec = spec_for(Mode::rw);
  spec.end_fsync = true;
  spec.rwmixread = 100;
  Generator reader(spec, range_of(5), 0);
  Request request;
  while (reader.next(request)) continue;
  EXPECT_FALSE(reader.last(request));
}

TEST(GeneratorLast, AlsoWhenStoppedOnTheWay) {
  WorkloadSpec spec = spec_for(Mode::write);
  spec.end_fsync = true;
  Generator generator(spec, range_of(5), 0);
  Request request;
  EXPECT_FALSE(generator.last(request));
  ASSERT_TRUE(generator.next(request));
  EXPECT_TRUE(generator.last(request));
}

}  // namespace
}  // namespace spliced::workload
