// SPDX-License-Identifier: Apache-2.0
// What tests/integration/test_damages.py, with an independent writer, does not reach: data without tags, and what is
// told beside the kind.
#include "spliced/verify/damage.h"

#include <gtest/gtest.h>

#include <cstring>

#include "unit/verify/vectors.h"

namespace spliced::verify {
namespace {

using testing::Bytes;
using testing::filled;
using testing::origin;
using testing::random_payload;

constexpr std::uint64_t kOffset = 40'960;

Payload pattern(std::string bytes, bool header = true) {
  return {PayloadKind::pattern, std::move(bytes), 0, 4096, header};
}

TEST(Damage, OfAStaleInterval) {
  const Image image(random_payload(), origin());
  const Bytes old = filled(image, 4096, kOffset, 2);
  const auto damage = diagnose(old, kOffset, {{&image, 3}, {}});
  EXPECT_EQ(damage.kind, Kind::stale);
  ASSERT_TRUE(damage.found);
  EXPECT_EQ(damage.found->pass, 2U);
  EXPECT_EQ(damage.expected.pass, 3U);
  ASSERT_EQ(damage.sectors.size(), 8U);
  EXPECT_FALSE(damage.sectors[0].damaged);
  ASSERT_TRUE(damage.header);
  EXPECT_EQ(damage.header->pass, 2U);
}

TEST(Damage, OfDataOfAnotherJobSaysWhose) {
  const Image image(random_payload(), origin());
  Origin other = origin();
  other.run[0] ^= std::byte{1};
  const Bytes foreign = filled(Image(random_payload(), other), 4096, kOffset, 3);
  const auto damage = diagnose(foreign, kOffset, {{&image, 3}, {}});
  EXPECT_EQ(damage.kind, Kind::foreign);
  EXPECT_TRUE(damage.other_job);
  EXPECT_FALSE(damage.other_device);
  ASSERT_TRUE(damage.header);
  EXPECT_EQ(damage.header->origin.run, other.run);
}

TEST(Damage, OfAnOlderPattern) {
  const Image now(pattern("\xaa"), origin()), before(pattern("\x55"), origin());
  const auto damage = diagnose(filled(before, 4096, kOffset, 1), kOffset, {{&now, 2}, {&before, 1}});
  EXPECT_EQ(damage.kind, Kind::stale);
}

TEST(Damage, OfAPatternThatWasWrittenBeforeWithOnlyTheHeaderToTell) {
  const Image image(pattern("\xaa"), origin());
  const auto damage = diagnose(filled(image, 4096, kOffset, 1), kOffset, {{&image, 2}, {}});
  EXPECT_EQ(damage.kind, Kind::stale) << "the other sectors are alike in both";
  ASSERT_EQ(damage.sectors.size(), 1U);
}

TEST(Damage, OfAPatternAtAnotherPlace) {
  const Image image(pattern("\xaa"), origin());
  const auto damage = diagnose(filled(image, 4096, kOffset + 8192, 2), kOffset, {{&image, 2}, {}});
  EXPECT_EQ(damage.kind, Kind::misdirected);
}

TEST(Damage, OfAPatternWithoutHeaders) {
  const Image now(pattern("\xaa", false), origin()), before(pattern("\x55", false), origin());
  const auto kind_of = [&](const Bytes& data) { return diagnose(data, kOffset, {{&now, 2}, {&before, 1}}).kind; };
  Bytes data = filled(now, 4096, kOffset, 2);
  data[100] ^= std::byte{4};
  EXPECT_EQ(kind_of(data), Kind::bitflip);
  EXPECT_EQ(kind_of(Bytes(4096)), Kind::zeroed);
  EXPECT_EQ(kind_of(Bytes(4096, std::byte{0xff})), Kind::ones);
  EXPECT_EQ(kind_of(Bytes(4096, std::byte{0x55})), Kind::stale);
  EXPECT_EQ(kind_of(Bytes(4096, std::byte{0x33})), Kind::garbage);
}

TEST(Damage, OfEightBytesThatAreZeroNow) {
  const Image image(random_payload(), origin());
  Bytes data = filled(image, 4096, kOffset, 2);
  std::memset(data.data() + 1000, 0, 8);
  const auto damage = diagnose(data, kOffset, {{&image, 2}, {}});
  EXPECT_EQ(damage.kind, Kind::zeroed);
  ASSERT_EQ(damage.sectors.size(), 1U);
  EXPECT_EQ(damage.sectors[0].offset, kOffset + 512);
  EXPECT_GE(damage.sectors[0].first, 1000U - 512);
  EXPECT_LE(damage.sectors[0].last, 1007U - 512);
}

TEST(Damage, TornSaysWhere) {
  const Image image(random_payload(), origin());
  Bytes data = filled(image, 4096, kOffset, 2);
  const Bytes old = filled(image, 4096, kOffset, 1);
  std::memcpy(data.data() + 2048 + 128, old.data() + 2048 + 128, 512 - 128);
  const auto damage = diagnose(data, kOffset, {{&image, 2}, {}});
  EXPECT_EQ(damage.kind, Kind::torn);
  ASSERT_EQ(damage.sectors.size(), 1U);
  EXPECT_EQ(damage.sectors[0].torn_at, 128U);
}

TEST(Damage, RightDataIsNone) {
  const Image image(random_payload(), origin());
  const auto damage = diagnose(filled(image, 4096, kOffset, 2), kOffset, {{&image, 2}, {&image, 1}});
  EXPECT_EQ(damage.kind, Kind::ok);
  EXPECT_TRUE(damage.sectors.empty());
}

}  // namespace
}  // namespace spliced::verify
