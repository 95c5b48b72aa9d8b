// SPDX-License-Identifier: Apache-2.0
#include "spliced/figures/band_grid.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "spliced/util/random.h"

namespace spliced::figures {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20, kTB = 1'000'000'000'000;

TEST(BandGrid, HasAThousandBandsNoneNarrowerThan64MiB) {
  EXPECT_EQ(0U, BandGrid(0, 0).count());
  EXPECT_EQ(1U, BandGrid(0, 4096).count());
  EXPECT_EQ(1U, BandGrid(0, 127 * kMiB).count());
  EXPECT_EQ(2U, BandGrid(0, 128 * kMiB).count());
  EXPECT_EQ(64U, BandGrid(0, 4096 * kMiB).count());
  EXPECT_EQ(1000U, BandGrid(0, 64'000 * kMiB).count());
  EXPECT_EQ(1000U, BandGrid(0, 20 * kTB).count());
  EXPECT_GE(BandGrid(0, 20 * kTB).width(), BandGrid::kLeastWidth);
}

TEST(BandGrid, CoversTheRangeWithoutGapOrOverlap) {
  util::Xoshiro256 random(7);
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t offset = util::scale_to(kTB, random.next());
    const std::uint64_t size = 1 + (random.next() >> (1 + util::scale_to(40, random.next())));
    const BandGrid grid(offset, size);
    std::uint64_t next = offset;
    for (std::size_t band = 0; band < grid.count(); ++band) {
      ASSERT_EQ(next, grid.start_of(band));
      ASSERT_GT(grid.length_of(band), 0U);
      ASSERT_EQ(band, grid.index_of(next));
      next += grid.length_of(band);
      ASSERT_EQ(band, grid.index_of(next - 1));
    }
    ASSERT_EQ(offset + size, next);
  }
}

TEST(BandGrid, FindsTheBandOfAnyByte) {
  util::Xoshiro256 random(8);
  for (const std::uint64_t size : {100 * kMiB, 4'000'787'030'016UL, 20 * kTB, 1UL << 62}) {
    const BandGrid grid(0, size);
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t at = util::scale_to(size, random.next());
      ASSERT_EQ(at / grid.width(), grid.index_of(at)) << at;
    }
  }
}

}  // namespace
}  // namespace spliced::figures
