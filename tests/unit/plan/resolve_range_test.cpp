// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "plan/range.h"
#include "unit/job/service_fixture.h"

namespace spliced::plan {
namespace {

using testing::contains;

struct ResolveRange : ::testing::Test {
  ResolveRange() {
    facts.path = "/t";
    facts.size = 1 << 20;
    spec.bs = 4096;
  }
  workload::BlockRange resolve() {
    errors.clear();
    return resolve_range(spec, facts, errors);
  }
  std::string only_pointer() {
    resolve();
    return errors.size() == 1 ? errors[0].pointer : std::to_string(errors.size()) + " errors";
  }
  device::TargetFacts facts;
  workload::WorkloadSpec spec;
  std::vector<util::FieldError> errors;
};

TEST_F(ResolveRange, IsTheWholeTargetByDefault) {
  const auto range = resolve();
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(range.offset, 0U);
  EXPECT_EQ(range.size, facts.size);
  EXPECT_EQ(range.block, 4096U);
}

TEST_F(ResolveRange, TheSizeIsAShareOfTheWholeTargetWhateverTheOffset) {
  spec.size = {true, 0, 50};
  for (const workload::Amount& offset : {workload::Amount{true, 0, 25}, workload::Amount{false, facts.size / 4, 0}}) {
    spec.offset = offset;
    const auto range = resolve();
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(range.offset, facts.size / 4);
    EXPECT_EQ(range.size, facts.size / 2);
  }
}

TEST_F(ResolveRange, AShareEndsWithTheTarget) {
  spec.size = {true, 0, 50};
  for (const workload::Amount& offset :
       {workload::Amount{true, 0, 75}, workload::Amount{false, facts.size / 4 * 3, 0}}) {
    spec.offset = offset;
    EXPECT_EQ(resolve().size, facts.size / 4);
    EXPECT_TRUE(errors.empty());
  }
}

// Whatever the fractions, each block is in one of them.
TEST_F(ResolveRange, SharesThatFollowEachOtherTileTheTarget) {
  for (const std::uint64_t size : {std::uint64_t{4096} * 1'000'003, (std::uint64_t{1} << 52) + 4096 * 7}) {
    for (const auto& [step, count] :
         {std::pair(10.0, 10), std::pair(33.3, 4), std::pair(0.1, 1000), std::pair(12.345678, 9)}) {
      for (const bool direct : {true, false}) {
        facts.size = size;
        spec.direct = direct;
        std::uint64_t end = 0;
        for (int i = 0; i < count; ++i) {
          // As it is written in a job: a decimal fraction.
          spec.offset = {true, 0, std::stod(fmt::format("{:.6f}", i * step))};
          spec.size = {true, 0, step};
          const auto range = resolve();
          ASSERT_TRUE(errors.empty()) << errors[0].detail;
          ASSERT_EQ(range.offset, end) << i << " of " << step;
          end = range.offset + range.size;
        }
        EXPECT_EQ(end, size) << step;
      }
    }
  }
}

TEST_F(ResolveRange, SharesAreRoundedDownToTheAlignment) {
  for (const std::uint32_t alignment : {512U, 4096U}) {
    facts.alignment = alignment;
    spec.offset = {true, 0, 33.3};
    spec.size = {true, 0, 33.3};
    const auto range = resolve();
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(range.offset % alignment, 0U);
    EXPECT_EQ(range.size % alignment, 0U);
    EXPECT_LE(range.offset, facts.size / 3);
    EXPECT_GT(range.offset + alignment, facts.size * 333 / 1000);
  }
}

// A pass over "all of it" that leaves out its end would be none.
TEST_F(ResolveRange, TheOddEndOfATargetIsNotLeftOutInSilence) {
  for (const auto& [size, alignment, reached] :
       {std::tuple(10'000U, 512U, "9728"), std::tuple(8192U + 512, 4096U, "8192")}) {
    facts.size = size;
    facts.alignment = alignment;
    EXPECT_EQ(only_pointer(), "size");
    const std::string& detail = errors.at(0).detail;
    EXPECT_TRUE(contains(detail, std::string("a size of ") + reached)) << detail;
    EXPECT_TRUE(contains(detail, "\"direct\": false")) << detail;
    spec.size = {false, std::stoull(reached), 0};
    resolve();
    EXPECT_TRUE(errors.empty()) << "the first way out";
    spec.size = {true, 0, 100};
    spec.direct = false;
    EXPECT_EQ(resolve().size, size) << "the second";
    EXPECT_TRUE(errors.empty());
    spec.direct = true;
  }
}

TEST_F(ResolveRange, TheOddEndCountsFromTheOffset) {
  facts.size = 10'000;
  spec.offset = {false, 4096, 0};
  EXPECT_EQ(only_pointer(), "size");
  EXPECT_TRUE(contains(errors.at(0).detail, "a size of 5632")) << errors[0].detail;
  EXPECT_TRUE(contains(errors.at(0).detail, "the last 272 of its 10000 bytes")) << errors[0].detail;
}

TEST_F(ResolveRange, AFileSmallerThanASectorHasOneWayOut) {
  facts.size = 100;
  EXPECT_EQ(only_pointer(), "size");
  EXPECT_FALSE(contains(errors.at(0).detail, "a size of 0")) << errors[0].detail;
  EXPECT_TRUE(contains(errors.at(0).detail, "give \"direct\": false")) << errors[0].detail;
}

TEST_F(ResolveRange, APartOfATargetIsCutToTheAlignment) {
  facts.size = 10'000;
  spec.size = {true, 0, 99.9};
  EXPECT_EQ(resolve().size, 9728U);
  EXPECT_TRUE(errors.empty());
}

TEST_F(ResolveRange, AllOfALargeTargetIsAllOfIt) {
  facts.size = (std::uint64_t{1} << 62) + 512;
  EXPECT_EQ(resolve().size, facts.size);
  spec.direct = false;
  facts.size += 1;
  EXPECT_EQ(resolve().size, facts.size);
  EXPECT_TRUE(errors.empty());
}

TEST_F(ResolveRange, ARangeThatIsNoMultipleOfTheBlockEndsWithAShortBlock) {
  facts.size = 10'240;
  const auto range = resolve();
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(range.count(), 3U);
  EXPECT_EQ(range.length_of(2), 2048U);
  spec.bs = 1 << 20;
  EXPECT_EQ(resolve().count(), 1U);
  EXPECT_EQ(resolve().length_of(0), 10'240U);
  EXPECT_TRUE(errors.empty());
}

TEST_F(ResolveRange, AbsoluteNumbersAreTakenAsTheyAre) {
  spec.offset = {false, 8192, 0};
  spec.size = {false, 4096, 0};
  const auto range = resolve();
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(range.offset, 8192U);
  EXPECT_EQ(range.size, 4096U);
}

TEST_F(ResolveRange, ExactlyToTheEndIsFineAndOneSectorMoreIsNot) {
  spec.offset = {false, facts.size - 4096, 0};
  spec.size = {false, 4096, 0};
  resolve();
  EXPECT_TRUE(errors.empty());
  spec.size.bytes += 512;
  EXPECT_EQ(only_pointer(), "size");
}

TEST_F(ResolveRange, AnOffsetAtTheEndIsRefused) {
  spec.offset = {false, facts.size, 0};
  EXPECT_EQ(only_pointer(), "offset");
  spec.offset.bytes = facts.size - 512;
  spec.size = {false, 512, 0};
  resolve();
  EXPECT_TRUE(errors.empty());
}

TEST_F(ResolveRange, TheLargestNumbersDoNotWrapAround) {
  spec.direct = false;
  spec.offset = {false, 512, 0};
  spec.size = {false, ~std::uint64_t{0}, 0};
  EXPECT_EQ(only_pointer(), "size");
  spec.offset.bytes = ~std::uint64_t{0};
  EXPECT_EQ(only_pointer(), "offset");
}

TEST_F(ResolveRange, AShareBelowOneSectorIsRefused) {
  spec.size = {true, 0, 0.0001};
  EXPECT_EQ(only_pointer(), "size");
}

TEST_F(ResolveRange, DirectIoNeedsAlignedNumbers) {
  for (const std::uint32_t alignment : {512U, 4096U}) {
    facts.alignment = alignment;
    spec = {};
    spec.bs = alignment / 2 * 3;
    EXPECT_EQ(only_pointer(), "bs") << alignment;
    EXPECT_TRUE(contains(errors.at(0).detail, std::to_string(alignment)));
    spec.bs = alignment;
    spec.offset = {false, alignment / 2, 0};
    spec.size = {false, alignment, 0};
    EXPECT_EQ(only_pointer(), "offset") << alignment;
    spec.offset.bytes = alignment;
    spec.size.bytes = alignment + alignment / 2;
    EXPECT_EQ(only_pointer(), "size") << alignment;
    spec.direct = false;
    EXPECT_EQ(only_pointer(), "0 errors") << alignment;
  }
}

TEST_F(ResolveRange, A512ByteBlockIsNotEnoughFor4096ByteSectors) {
  facts.alignment = 4096;
  spec.bs = 512;
  EXPECT_EQ(only_pointer(), "bs");
}

}  // namespace
}  // namespace spliced::plan
