// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "drain.h"

namespace spliced::workload {
namespace {

using util::Op;

std::vector<Request> all_of(const Pass& pass) {
  std::vector<Request> out;
  for (std::uint64_t i = 0; i < pass.count(); ++i) out.push_back(pass.at(i));
  return out;
}

WorkloadSpec zipf(Mode mode) {
  WorkloadSpec spec = spec_for(mode);
  spec.distribution = {Distribution::Kind::zipf, 1.1};
  return spec;
}

TEST(Pass, SequentialGoesFromBlockToBlock) {
  const BlockRange range = range_of(100, 512);
  const auto requests = all_of(Pass(spec_for(Mode::read), range));
  ASSERT_EQ(requests.size(), 100U);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].offset, kOffset + i * kBlock);
    EXPECT_EQ(requests[i].length, i == 99 ? kBlock - 512 : kBlock);
  }
}

TEST(Pass, VisitsEachBlockOnceInEachRound) {
  for (const Mode mode : kAllModes) {
    for (const std::uint64_t blocks : {1, 2, 5, 64, 65, 509}) {
      const BlockRange range = range_of(blocks, 1024);
      for (const std::uint64_t round : {0, 1, 7}) {
        std::set<std::uint64_t> seen;
        for (const Request& request : all_of(Pass(spec_for(mode), range, round))) {
          ASSERT_TRUE(is_block(request, range));
          ASSERT_TRUE(seen.insert(request.offset).second);
        }
        ASSERT_EQ(seen.size(), blocks);
      }
    }
  }
}

TEST(Pass, ModeGivesTheOperation) {
  const std::pair<Mode, Op> cases[] = {{Mode::read, Op::read},   {Mode::randread, Op::read},
                                       {Mode::write, Op::write}, {Mode::randwrite, Op::write},
                                       {Mode::trim, Op::trim},   {Mode::randtrim, Op::trim}};
  for (const auto& [mode, op] : cases) {
    for (const Request& request : all_of(Pass(spec_for(mode), range_of(50)))) ASSERT_EQ(request.op, op);
  }
}

TEST(Pass, MixedModesReadTheirShare) {
  constexpr std::uint64_t kBlocks = 10'000;
  for (const Mode mode : {Mode::rw, Mode::randrw}) {
    for (const bool skewed : {false, true}) {
      for (const unsigned percent : {0U, 1U, 30U, 50U, 70U, 99U, 100U}) {
        if (skewed && mode == Mode::rw) continue;
        WorkloadSpec spec = skewed ? zipf(mode) : spec_for(mode);
        spec.rwmixread = percent;
        const auto requests = all_of(Pass(spec, range_of(kBlocks)));
        const auto reads = std::count_if(requests.begin(), requests.end(), [](auto& r) { return r.op == Op::read; });
        const double expected = kBlocks * percent / 100.0;
        // Five standard deviations of the binomial distribution.
        EXPECT_NEAR(static_cast<double>(reads), expected, 5 * std::sqrt(expected * (100 - percent) / 100.0)) << percent;
      }
    }
  }
}

// So that whoever knows the block knows which pass wrote it last.
TEST(Pass, ABlockOfAMixIsReadOrWrittenWhateverItsPlaceInTheOrder) {
  const BlockRange range = range_of(1'000);
  WorkloadSpec spec = spec_for(Mode::randrw);
  const Pass pass(spec, range, 3);
  for (std::uint64_t block = 0; block < range.count(); ++block) {
    const auto index = pass.index_of(block);
    ASSERT_TRUE(index);
    EXPECT_EQ(pass.at(*index).offset, range.start_of(block));
  }
  spec.rw = Mode::rw;
  const Pass in_order(spec, range, 3);
  for (std::uint64_t block = 0; block < range.count(); ++block) {
    EXPECT_EQ(pass.at(*pass.index_of(block)).op, in_order.at(block).op);
  }
}

// A block that comes often is read and written as often as others are.
TEST(Pass, OfBlocksThatAreDrawnEachIsBoth) {
  const BlockRange range = range_of(2'000);
  std::map<std::uint64_t, std::pair<int, int>> seen;
  for (const Request& request : all_of(Pass(zipf(Mode::randrw), range))) {
    ++(request.op == Op::read ? seen[request.offset].first : seen[request.offset].second);
  }
  for (const auto& [offset, counts] : seen) {
    if (counts.first + counts.second < 40) continue;
    EXPECT_GT(counts.first, 4) << offset;
    EXPECT_GT(counts.second, 4) << offset;
  }
}

TEST(Pass, KnowsWhereEachBlockComes) {
  for (const Mode mode : {Mode::read, Mode::randread}) {
    for (const std::uint64_t blocks : {1, 2, 3, 100, 1'023, 1'025}) {
      const Pass pass(spec_for(mode), range_of(blocks), 2);
      for (std::uint64_t block = 0; block < blocks; ++block) {
        ASSERT_EQ(pass.at(*pass.index_of(block)).offset, kOffset + block * kBlock);
      }
    }
  }
  EXPECT_FALSE(Pass(zipf(Mode::randread), range_of(100)).index_of(5));
}

TEST(Pass, EachRoundHasItsOwnOrderAndItsOwnMix) {
  const BlockRange range = range_of(500);
  const Pass first(spec_for(Mode::randrw), range);
  const Pass second = first.round(1);
  int same_place = 0;
  int same_operation = 0;
  for (std::uint64_t block = 0; block < 500; ++block) {
    const auto a = *first.index_of(block);
    const auto b = *second.index_of(block);
    same_place += a == b ? 1 : 0;
    same_operation += first.at(a).op == second.at(b).op ? 1 : 0;
  }
  EXPECT_LT(same_place, 12);
  EXPECT_NEAR(same_operation, 250, 60);
  EXPECT_EQ(all_of(first), all_of(second.round(0)));
}

TEST(Pass, DependsOnTheSeed) {
  for (const bool skewed : {false, true}) {
    WorkloadSpec spec = skewed ? zipf(Mode::randread) : spec_for(Mode::randread);
    const auto one = all_of(Pass(spec, range_of(300)));
    EXPECT_EQ(one, all_of(Pass(spec, range_of(300))));
    spec.seed = 2;
    EXPECT_NE(one, all_of(Pass(spec, range_of(300))));
  }
}

// The hot blocks are the same in each round; which come when is not.
TEST(Pass, SkewedRoundsHaveTheSameHotBlocks) {
  const BlockRange range = range_of(10'000);
  const Pass pass(zipf(Mode::randread), range);
  const auto hottest = [&](const Pass& round) {
    std::map<std::uint64_t, int> seen;
    for (const Request& request : all_of(round)) ++seen[request.offset];
    return std::max_element(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
  };
  EXPECT_EQ(hottest(pass), hottest(pass.round(1)));
  EXPECT_NE(all_of(pass), all_of(pass.round(1)));
}

TEST(Pass, AnEmptyRangeHasNoBlocks) {
  for (const Mode mode : kAllModes) EXPECT_EQ(Pass(spec_for(mode), {kOffset, 0, kBlock}).count(), 0U);
}

WorkloadSpec of_sizes(unsigned reads, std::uint64_t read, std::uint64_t write) {
  WorkloadSpec spec = spec_for(Mode::randrw);
  spec.rwmixread = reads;
  spec.bs = PerOp(read, write, 512);
  return spec;
}

TEST(Pass, ReadsAndWritesOfDifferentSizesLieAtMultiplesOfTheirOwn) {
  const BlockRange range{1 << 20, (1 << 26) + 4096, 4096};
  for (const auto& [read, write] : {std::pair(4096, 131'072), std::pair(12'288, 8'192)}) {
    const WorkloadSpec spec = of_sizes(70, static_cast<std::uint64_t>(read), static_cast<std::uint64_t>(write));
    const Pass pass(spec, {range.offset, range.size, smallest_block(spec)});
    std::uint64_t bytes = 0, reads = 0;
    std::set<std::uint64_t> places;
    for (const Request& request : all_of(pass)) {
      const std::uint64_t own = spec.bs.of(request.op), from = request.offset - range.offset;
      ASSERT_EQ(from % own, 0U);
      ASSERT_EQ(request.length, std::min(own, range.size - from));
      bytes += request.length;
      reads += request.op == Op::read ? 1 : 0;
      places.insert(request.offset);
    }
    EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(range.size), 0.1 * static_cast<double>(range.size));
    EXPECT_NEAR(static_cast<double>(reads), 0.7 * static_cast<double>(pass.count()),
                0.05 * static_cast<double>(pass.count()));
    EXPECT_GT(places.size(), pass.count() / 4);
    EXPECT_FALSE(pass.index_of(0)) << "a block may come several times";
    EXPECT_EQ(pass.count(), requests_in(spec, {range.offset, range.size, smallest_block(spec)}));
  }
}

TEST(Pass, OneSizeForAllIsARoundOverEachBlock) {
  const BlockRange range{0, 1 << 20, 4096};
  EXPECT_EQ(requests_in(of_sizes(50, 4096, 4096), range), 256U);
  WorkloadSpec spec = spec_for(Mode::trim);
  spec.bs = PerOp(512, 512, 1 << 18);
  EXPECT_EQ(smallest_block(spec), 1U << 18);
  EXPECT_EQ(requests_in(spec, {0, 1 << 20, 1 << 18}), 4U);
}

}  // namespace
}  // namespace spliced::workload
