// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "drain.h"

namespace spliced::workload {
namespace {

using util::Op;

bool operator==(const Request& a, const Request& b) {
  return a.op == b.op && a.offset == b.offset && a.length == b.length;
}

bool same(const std::vector<Request>& a, const std::vector<Request>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto& x, auto& y) { return x == y; });
}

constexpr Mode kModes[] = {Mode::read, Mode::write,  Mode::randread, Mode::randwrite,
                           Mode::rw,   Mode::randrw, Mode::trim,     Mode::randtrim};
constexpr unsigned kWorkerCounts[] = {1, 2, 3, 4, 7, 16, 64};

TEST(Generator, SequentialVisitsBlockAfterBlock) {
  const BlockRange range = range_of(100, 512);
  const auto requests = drain(spec_for(Mode::read), range, 0);
  ASSERT_EQ(requests.size(), 100U);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].op, Op::read);
    EXPECT_EQ(requests[i].offset, kOffset + i * kBlock);
    EXPECT_EQ(requests[i].length, i == 99 ? kBlock - 512 : kBlock);
  }
}

TEST(Generator, SequentialWorkersHaveNeighbouringParts) {
  for (const unsigned workers : kWorkerCounts) {
    for (const std::uint64_t blocks : {1, 2, 3, 63, 64, 65, 100, 1000}) {
      const BlockRange range = range_of(blocks, 1);
      const WorkloadSpec spec = spec_for(Mode::write, workers);
      std::uint64_t next = range.offset;
      std::size_t smallest = std::numeric_limits<std::size_t>::max();
      std::size_t largest = 0;
      for (unsigned worker = 0; worker < workers; ++worker) {
        const auto requests = drain(spec, range, worker);
        for (const auto& request : requests) {
          ASSERT_EQ(request.offset, next);
          next += request.length;
        }
        smallest = std::min(smallest, requests.size());
        largest = std::max(largest, requests.size());
      }
      ASSERT_EQ(next, range.offset + range.size) << workers << " workers, " << blocks << " blocks";
      ASSERT_LE(largest - smallest, 1U) << "nobody has more than one block more than another";
    }
  }
}

TEST(Generator, EveryPassVisitsEachBlockOnce) {
  for (const Mode mode : kModes) {
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

TEST(Generator, EveryRequestIsOneBlockOfTheRange) {
  const BlockRange range = range_of(257, 3584);
  for (const Mode mode : kModes) {
    for (unsigned worker = 0; worker < 3; ++worker) {
      for (const Request& request : drain(spec_for(mode, 3), range, worker)) ASSERT_TRUE(is_block(request, range));
    }
  }
}

TEST(Generator, ModeGivesTheOperation) {
  const BlockRange range = range_of(50);
  const std::pair<Mode, Op> cases[] = {{Mode::read, Op::read},   {Mode::randread, Op::read},
                                       {Mode::write, Op::write}, {Mode::randwrite, Op::write},
                                       {Mode::trim, Op::trim},   {Mode::randtrim, Op::trim}};
  for (const auto& [mode, op] : cases) {
    for (const Request& request : drain(spec_for(mode), range, 0)) ASSERT_EQ(request.op, op);
  }
}

TEST(Generator, MixedModesReadTheirShare) {
  constexpr std::uint64_t kBlocks = 10'000;
  for (const Mode mode : {Mode::rw, Mode::randrw}) {
    for (const unsigned percent : {0U, 1U, 30U, 50U, 70U, 99U, 100U}) {
      WorkloadSpec spec = spec_for(mode);
      spec.rwmixread = percent;
      std::uint64_t reads = 0;
      for (const Request& request : drain(spec, range_of(kBlocks), 0)) {
        ASSERT_TRUE(request.op == Op::read || request.op == Op::write);
        reads += request.op == Op::read ? 1 : 0;
      }
      const double expected = kBlocks * percent / 100.0;
      // Five standard deviations of the binomial distribution.
      EXPECT_NEAR(static_cast<double>(reads), expected, 5 * std::sqrt(expected * (100 - percent) / 100.0)) << percent;
    }
  }
}

TEST(Generator, LoopsRepeatTheRange) {
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

TEST(Generator, EachRandomPassHasItsOwnOrder) {
  constexpr std::size_t kBlocks = 500;
  WorkloadSpec spec = spec_for(Mode::randread);
  spec.loops = 2;
  const auto requests = drain(spec, range_of(kBlocks), 0);
  ASSERT_EQ(requests.size(), 2 * kBlocks);
  const std::vector<Request> first(requests.begin(), requests.begin() + kBlocks);
  const std::vector<Request> second(requests.begin() + kBlocks, requests.end());
  EXPECT_FALSE(same(first, second));
}

TEST(Generator, IsDoneForGood) {
  Generator generator(spec_for(Mode::randwrite), range_of(3), 0);
  Request request;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(generator.next(request));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(generator.next(request));
}

TEST(Generator, TimeBasedNeverEnds) {
  const BlockRange range = range_of(10, 512);
  for (const Mode mode : kModes) {
    WorkloadSpec spec = spec_for(mode, 3);
    spec.time_based = true;
    for (unsigned worker = 0; worker < 3; ++worker) {
      const auto requests = drain(spec, range, worker, 5'000);
      ASSERT_EQ(requests.size(), 5'000U) << kModeNames[static_cast<std::size_t>(mode)];
      for (const Request& request : requests) ASSERT_TRUE(is_block(request, range));
    }
    EXPECT_EQ(Generator(spec, range, 0).total_bytes(), 0U);
  }
}

TEST(Generator, TimeBasedSequentialStaysInItsPart) {
  WorkloadSpec spec = spec_for(Mode::read, 2);
  spec.time_based = true;
  const auto requests = drain(spec, range_of(10), 1, 20);
  ASSERT_EQ(requests.size(), 20U);
  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(requests[i].offset, kOffset + (5 + i % 5) * kBlock);
}

TEST(Generator, TimeBasedRandomReachesEveryBlockFromEveryWorker) {
  WorkloadSpec spec = spec_for(Mode::randread, 4);
  spec.time_based = true;
  for (unsigned worker = 0; worker < 4; ++worker) {
    std::map<std::uint64_t, int> seen;
    for (const Request& request : drain(spec, range_of(50), worker, 5'000)) ++seen[request.offset];
    EXPECT_EQ(seen.size(), 50U);
  }
}

TEST(Generator, MoreWorkersThanBlocks) {
  const BlockRange range = range_of(3, 512);
  for (const Mode mode : kModes) {
    const WorkloadSpec spec = spec_for(mode, 64);
    EXPECT_EQ(visits(spec, range).size(), 3U);
    Generator idle(spec, range, 63);
    Request request;
    EXPECT_FALSE(idle.next(request));
    EXPECT_FALSE(idle.last(request));
    EXPECT_EQ(idle.total_bytes(), 0U);
  }
}

// A worker without a share ends at once, even where blocks are drawn from the whole range.
TEST(Generator, TimeBasedRandomWorkersWithoutAShareDrawToo) {
  WorkloadSpec spec = spec_for(Mode::randread, 4);
  spec.time_based = true;
  EXPECT_EQ(drain(spec, range_of(3), 3, 100).size(), 100U);
}

TEST(Generator, SameSeedSameRequests) {
  const BlockRange range = range_of(300, 512);
  for (const Mode mode : kModes) {
    for (const bool time_based : {false, true}) {
      WorkloadSpec spec = spec_for(mode, 2);
      spec.time_based = time_based;
      spec.loops = 3;
      EXPECT_TRUE(same(drain(spec, range, 1, 2'000), drain(spec, range, 1, 2'000)));
    }
  }
}

TEST(Generator, OtherSeedsAndWorkersDiffer) {
  const BlockRange range = range_of(300);
  for (const bool time_based : {false, true}) {
    WorkloadSpec spec = spec_for(Mode::randrw, 2);
    spec.time_based = time_based;
    const auto requests = drain(spec, range, 0, 2'000);
    EXPECT_FALSE(same(requests, drain(spec, range, 1, 2'000)));
    spec.seed = 2;
    EXPECT_FALSE(same(requests, drain(spec, range, 0, 2'000)));
  }
}

TEST(Generator, GoesOnAfterAMove) {
  const BlockRange range = range_of(20);
  const auto whole = drain(spec_for(Mode::randread), range, 0);
  Generator from(spec_for(Mode::randread), range, 0);
  std::vector<Request> pieces(1);
  ASSERT_TRUE(from.next(pieces[0]));
  Generator to(std::move(from));
  for (Request request; to.next(request);) pieces.push_back(request);
  EXPECT_TRUE(same(pieces, whole));
}

TEST(Generator, EmptyRangeHasNothingToDo) {
  for (const Mode mode : kModes) {
    Generator generator(spec_for(mode), BlockRange{kOffset, 0, kBlock}, 0);
    Request request;
    EXPECT_FALSE(generator.next(request));
    EXPECT_EQ(generator.total_bytes(), 0U);
  }
}

std::uint64_t bytes_of(const std::vector<Request>& requests) {
  std::uint64_t sum = 0;
  for (const Request& request : requests) sum += request.length;
  return sum;
}

TEST(GeneratorTotal, IsWhatASequentialWorkerMoves) {
  for (const unsigned workers : kWorkerCounts) {
    for (const std::uint64_t missing : {0, 512, 4095}) {
      for (const std::uint64_t blocks : {1, 3, 64, 101}) {
        WorkloadSpec spec = spec_for(Mode::write, workers);
        spec.loops = 3;
        const BlockRange range = range_of(blocks, missing);
        std::uint64_t sum = 0;
        for (unsigned worker = 0; worker < workers; ++worker) {
          const std::uint64_t total = Generator(spec, range, worker).total_bytes();
          ASSERT_EQ(total, bytes_of(drain(spec, range, worker))) << worker << " of " << workers;
          sum += total;
        }
        ASSERT_EQ(sum, range.size * spec.loops);
      }
    }
  }
}

TEST(GeneratorTotal, IsWhatARandomWorkerMoves) {
  for (const unsigned workers : kWorkerCounts) {
    WorkloadSpec spec = spec_for(Mode::randwrite, workers);
    spec.loops = 2;
    const BlockRange range = range_of(101);
    for (unsigned worker = 0; worker < workers; ++worker) {
      ASSERT_EQ(Generator(spec, range, worker).total_bytes(), bytes_of(drain(spec, range, worker)));
    }
  }
}

// The short last block of a random pass counts in full.
TEST(GeneratorTotal, RandomPassAddsUpToTheRange) {
  for (const unsigned workers : kWorkerCounts) {
    const WorkloadSpec spec = spec_for(Mode::randread, workers);
    const BlockRange range = range_of(101, 512);
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < workers; ++worker) sum += Generator(spec, range, worker).total_bytes();
    EXPECT_EQ(sum, range.size) << workers;
  }
}

// The product of bytes and loops is cut to 64 bits: here to 0, which means "no end".
TEST(GeneratorTotal, ManyLoopsDoNotOverflow) {
  WorkloadSpec spec = spec_for(Mode::read);
  spec.loops = std::uint64_t{1} << 44;
  EXPECT_GE(Generator(spec, range_of(1 << 18), 0).total_bytes(), std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace spliced::workload
