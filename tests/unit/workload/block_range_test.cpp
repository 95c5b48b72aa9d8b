// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/block_range.h"

#include <gtest/gtest.h>

namespace spliced::workload {
namespace {

TEST(BlockRange, CutsAMultipleEvenly) {
  const BlockRange range{8192, 40960, 4096};
  ASSERT_EQ(range.count(), 10U);
  for (std::uint64_t i = 0; i < range.count(); ++i) {
    EXPECT_EQ(range.start_of(i), 8192 + i * 4096);
    EXPECT_EQ(range.length_of(i), 4096U);
  }
}

TEST(BlockRange, LastBlockIsShort) {
  const BlockRange range{512, 2 * 4096 + 512, 4096};
  ASSERT_EQ(range.count(), 3U);
  EXPECT_EQ(range.length_of(1), 4096U);
  EXPECT_EQ(range.start_of(2), 512U + 8192U);
  EXPECT_EQ(range.length_of(2), 512U);
}

TEST(BlockRange, OneByteMoreIsOneBlockMore) {
  EXPECT_EQ((BlockRange{0, 4095, 4096}.count()), 1U);
  EXPECT_EQ((BlockRange{0, 4096, 4096}.count()), 1U);
  EXPECT_EQ((BlockRange{0, 4097, 4096}.count()), 2U);
  EXPECT_EQ((BlockRange{0, 4097, 4096}.length_of(1)), 1U);
}

TEST(BlockRange, SmallerThanOneBlock) {
  const BlockRange range{0, 1000, 4096};
  ASSERT_EQ(range.count(), 1U);
  EXPECT_EQ(range.length_of(0), 1000U);
}

TEST(BlockRange, EmptyHasNoBlocks) {
  EXPECT_EQ(BlockRange{}.count(), 0U);
  EXPECT_EQ((BlockRange{4096, 0, 4096}.count()), 0U);
}

TEST(BlockRange, LengthsAddUpToTheSize) {
  for (std::uint64_t size = 1; size < 300; ++size) {
    for (const std::uint64_t block : {1, 2, 7, 64, 299, 1000}) {
      const BlockRange range{5, size, block};
      std::uint64_t end = range.offset;
      for (std::uint64_t i = 0; i < range.count(); ++i) {
        ASSERT_EQ(range.start_of(i), end);
        ASSERT_GT(range.length_of(i), 0U);
        end += range.length_of(i);
      }
      ASSERT_EQ(end, range.offset + size) << size << " " << block;
    }
  }
}

TEST(BlockRange, HoldsTheLargestDisks) {
  constexpr std::uint64_t kLargest = (std::uint64_t{1} << 63) - 1;
  const BlockRange range{0, kLargest, 1 << 20};
  EXPECT_EQ(range.count(), std::uint64_t{1} << 43);
  const std::uint64_t last = range.count() - 1;
  EXPECT_EQ(range.length_of(last), (1U << 20) - 1);
  EXPECT_EQ(range.start_of(last) + range.length_of(last), kLargest);
}

}  // namespace
}  // namespace spliced::workload
