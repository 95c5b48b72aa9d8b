// SPDX-License-Identifier: Apache-2.0
#include "run/write_history.h"

#include <gtest/gtest.h>

#include <random>

#include "spliced/workload/block_source.h"

namespace spliced::run {
namespace {

using Certainty = WriteHistory::Certainty;
using workload::BlockRange;
using workload::Mode;
using workload::Pass;
using workload::WorkloadSpec;

constexpr BlockRange kRange{0, 4096 * 100, 4096};

std::shared_ptr<const verify::Image> image() {
  return std::make_shared<const verify::Image>(verify::Payload{}, verify::Origin{});
}
WorkloadSpec spec_of(Mode mode, unsigned read_percent = 50) {
  WorkloadSpec out;
  out.rw = mode;
  out.rwmixread = read_percent;
  return out;
}
// All before `position` is done.
workload::Cursor cursor_at(std::uint64_t position) {
  workload::Cursor out;
  out.position = out.watermark = position;
  return out;
}
WriteHistory::Series ended(const WorkloadSpec& spec, std::uint32_t first_pass, std::uint64_t position,
                           const BlockRange& range = kRange) {
  auto out =
      std::make_shared<WrittenSeries>(workload::is_trim(spec.rw) ? nullptr : image(), Pass(spec, range), first_pass);
  out->end(cursor_at(position));
  return out;
}
WriteHistory::Piece at_block(const WriteHistory& history, std::uint64_t block, const WriteHistory::View& view = {}) {
  return history.at(block * 4096, 4096, view);
}

TEST(WriteHistory, NothingIsKnownOfWhatNobodyWrote) {
  WriteHistory history;
  EXPECT_EQ(at_block(history, 3).certainty, Certainty::unknown);
  history.add(ended(spec_of(Mode::write), 1, 100, {40'960, 4096 * 10, 4096}));
  const auto before = history.at(0, 4096 * 100, {});
  EXPECT_EQ(before.certainty, Certainty::unknown);
  EXPECT_EQ(before.length, 40'960U) << "as far as where it begins";
  EXPECT_EQ(history.at(40'960 * 2, 4096, {}).certainty, Certainty::unknown);
}

// Against a map of every block: rounds and stages of all kinds, cut off anywhere.
TEST(WriteHistory, TellsTheLastPassThatWroteABlock) {
  std::mt19937_64 random(7);
  for (int turn = 0; turn < 200; ++turn) {
    WriteHistory history;
    std::vector<std::uint32_t> written(100, 0), before(100, 0);
    std::uint32_t pass = 1;
    for (int stage = 0; stage < 3; ++stage) {
      WorkloadSpec spec = spec_of(std::array{Mode::write, Mode::randwrite, Mode::randrw, Mode::rw}[random() % 4], 70);
      spec.seed = random();
      if (!workload::is_mixed(spec.rw) && random() % 2 == 0) spec.read_back = 4096 * 20;
      const Pass first(spec, kRange);
      const std::uint64_t end = random() % (3 * first.count());
      for (std::uint64_t position = 0; position < end; ++position) {
        const auto request = first.round(position / first.count()).at(position % first.count());
        if (request.op == util::Op::read) continue;
        auto& last = written[request.offset / 4096];
        before[request.offset / 4096] = last;
        last = pass + static_cast<std::uint32_t>(position / first.count());
      }
      history.add(ended(spec, pass, end));
      pass += 3;
    }
    for (std::uint64_t block = 0; block < 100; ++block) {
      const auto piece = at_block(history, block);
      ASSERT_EQ(piece.certainty, written[block] == 0 ? Certainty::unknown : Certainty::known);
      ASSERT_EQ(piece.length, 4096U);
      if (written[block] == 0) continue;
      ASSERT_EQ(piece.expected.pass, written[block]) << "block " << block;
      const auto old = history.before(block * 4096, {});
      ASSERT_EQ(old.image == nullptr ? 0 : old.pass, before[block]);
    }
  }
}

TEST(WriteHistory, WhatFailedIsInDoubtUntilItIsWrittenAgain) {
  WriteHistory history;
  auto first = ended(spec_of(Mode::write), 1, 100);
  first->doubts().add(7, 8);
  history.add(first);
  EXPECT_EQ(at_block(history, 7).certainty, Certainty::doubtful);
  EXPECT_EQ(at_block(history, 8).certainty, Certainty::known);
  EXPECT_EQ(history.doubts(), 1U);
  history.add(ended(spec_of(Mode::write), 2, 50));
  EXPECT_EQ(at_block(history, 7).certainty, Certainty::known);
  EXPECT_EQ(at_block(history, 7).expected.pass, 2U);
}

TEST(WriteHistory, AFlushThatFailsLeavesInDoubtWhatCameSinceTheLast) {
  WriteHistory history;
  auto series = ended(spec_of(Mode::write), 1, 80);
  series->flushed(30);
  history.add(series);
  history.flush_failed();
  EXPECT_EQ(at_block(history, 29).certainty, Certainty::known);
  EXPECT_EQ(at_block(history, 30).certainty, Certainty::doubtful);
  EXPECT_EQ(at_block(history, 79).certainty, Certainty::doubtful);
  EXPECT_EQ(at_block(history, 80).certainty, Certainty::unknown);
  std::vector<DoubtfulRange> listed;
  series->list_doubts(listed, 10);
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].offset, 30U * 4096);
  EXPECT_EQ(listed[0].length, 50U * 4096);
}

TEST(WriteHistory, WhatIsTrimmedMayHoldWhatWasThere) {
  WriteHistory history;
  history.add(ended(spec_of(Mode::write), 1, 100));
  history.add(ended(spec_of(Mode::trim), 2, 50));
  EXPECT_EQ(at_block(history, 10).certainty, Certainty::trimmed);
  EXPECT_EQ(at_block(history, 10).expected.pass, 1U);
  EXPECT_EQ(at_block(history, 60).certainty, Certainty::known);
  WriteHistory trims;
  trims.add(ended(spec_of(Mode::trim), 1, 100));
  EXPECT_EQ(at_block(trims, 10).certainty, Certainty::unknown);
}

TEST(WriteHistory, WhereBlocksAreDrawnNothingIsCertain) {
  WorkloadSpec spec = spec_of(Mode::randwrite);
  spec.distribution = {workload::Distribution::Kind::zipf, 1.2};
  WriteHistory history;
  history.add(ended(spec_of(Mode::write), 1, 100));
  history.add(ended(spec, 2, 100));
  EXPECT_EQ(at_block(history, 10).certainty, Certainty::doubtful);
}

TEST(WriteHistory, ASeriesThatGoesOnIsKnownByItsRounds) {
  WorkloadSpec spec = spec_of(Mode::randrw, 50);
  const auto series = std::make_shared<WrittenSeries>(image(), Pass(spec, kRange), 5);
  WriteHistory history;
  history.add(series);
  const Pass first(spec, kRange);
  for (std::uint64_t block = 0; block < 100; ++block) {
    std::uint32_t expected = 0;
    for (std::uint32_t round = 0; round < 4; ++round) {
      if (first.round(round).index_of_change(block)) expected = 5 + round;
    }
    const auto piece = at_block(history, block, {series.get(), 4, 400});
    EXPECT_EQ(piece.certainty, expected == 0 ? Certainty::unknown : Certainty::known);
    if (expected != 0) {
      EXPECT_EQ(piece.expected.pass, expected);
    }
  }
  EXPECT_EQ(at_block(history, 1).certainty, Certainty::unknown) << "of others, nothing that has not ended is known";
}

TEST(Doubts, AreBoundedAndNeverLost) {
  Doubts doubts;
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> added;
  for (std::size_t i = 0; i < 3 * Doubts::kMost; ++i) {
    added.push_back(random() % 10'000'000);
    doubts.add(added.back(), added.back() + 1);
    ASSERT_LE(doubts.ranges(), Doubts::kMost);
  }
  for (const std::uint64_t position : added) ASSERT_TRUE(doubts.contains(position));
  Doubts few;
  few.add(5, 7);
  few.add(7, 9);
  few.add(20, 21);
  EXPECT_EQ(few.ranges(), 2U);
  EXPECT_FALSE(few.contains(4));
  EXPECT_TRUE(few.contains(8));
  EXPECT_FALSE(few.contains(9));
  EXPECT_FALSE(few.contains(19));
}

}  // namespace
}  // namespace spliced::run
