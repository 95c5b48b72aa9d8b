// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/tag.h"

#include <gtest/gtest.h>
#include <isa-l/crc.h>

#include <cstring>

#include "spliced/util/hex.h"
#include "spliced/util/random.h"
#include "spliced/verify/header.h"
#include "unit/verify/vectors.h"

namespace spliced::verify {
namespace {

TEST(Tag, VectorsOfTheFormat) {
  EXPECT_EQ(util::mix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(pool()[0], 0x9bceb21093afe240ULL);
  EXPECT_EQ(device_identity("5000c500a1b2c3d4"), 0xf9b60454fb5269a4ULL);
  EXPECT_EQ(testing::origin().job(), 0x3db91e4c69efe562ULL);
}

// However this CPU makes it.
TEST(HeaderWords, HaveTheChecksumOfTheLibrary) {
  util::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    Header header{testing::origin(), random(), static_cast<std::uint32_t>(random()), 0, 12, 1, 0};
    header.origin.seed = random();
    HeaderWords words = words_of(header);
    const std::uint32_t expected = ~crc32_iscsi(reinterpret_cast<unsigned char*>(words.data()), 60, 0xffffffffU);
    ASSERT_EQ(words.back() >> 32, expected) << i;
  }
}

TEST(Tag, AnyTagComesBackFromItsWords) {
  util::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const Tag tag{random() / kSector * kSector, static_cast<std::uint32_t>(random()),
                  static_cast<std::uint32_t>(random()), random(), random()};
    EXPECT_EQ(tag_of(words_of(tag)), tag);
  }
}

TEST(Tag, AnyOtherFieldChangesHalfOfTheBits) {
  const Tag tag{0x12345600, 3, 2, 4, 5};
  const TagWords words = words_of(tag);
  for (const Tag& other : {Tag{0x12345800, 3, 2, 4, 5}, Tag{0x12345600, 4, 2, 4, 5}, Tag{0x12345600, 3, 3, 4, 5},
                           Tag{0x12345600, 3, 2, 6, 5}, Tag{0x12345600, 3, 2, 4, 7}}) {
    int bits = 0;
    const TagWords changed = words_of(other);
    for (std::size_t i = 0; i < words.size(); ++i) bits += __builtin_popcountll(words[i] ^ changed[i]);
    EXPECT_GT(bits, 90);
    EXPECT_LT(bits, 166);
  }
}

TEST(Tag, RunIdsAreUuids) {
  const auto run = run_id_of("00112233-4455-6677-8899-aabbccddeeff");
  ASSERT_TRUE(run);
  EXPECT_EQ(std::to_integer<int>((*run)[0]), 0);
  EXPECT_EQ(std::to_integer<int>((*run)[15]), 0xff);
  EXPECT_EQ(util::format_uuid(*run), "00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_EQ(run_id_of("00112233445566778899AABBCCDDEEFF"), run);
  for (const char* wrong : {"", "0011", "00112233-4455-6677-8899-aabbccddeefg", "00112233445566778899aabbccddeeff00"}) {
    EXPECT_FALSE(run_id_of(wrong)) << wrong;
  }
}

TEST(Tag, SixtyFourBytesOfItAreEnough) {
  const Tag tag{0x12345600, 3, 0, 4, 5};
  const auto whole = testing::sector(tag);
  for (std::size_t at = 0; at + 64 <= kSector; at += 8) {
    auto sector = testing::bytes(kSector);
    std::memcpy(sector.data() + at, whole.data() + at, 64);
    std::array<Tag, 2> found;
    ASSERT_EQ(find_tags(sector, 0, found), 1U) << at;
    EXPECT_EQ(found[0], tag);
  }
}

TEST(Tag, IsFoundWhereverItWasMisdirectedTo) {
  const Tag tag{0x7654'3210'0200, 9, 0, 4, 5};
  std::array<Tag, 2> found;
  ASSERT_EQ(find_tags(testing::sector(tag), 0, found), 1U);
  EXPECT_EQ(found[0], tag);
}

// Not even when no four words are what they were, nor when two copies of a word have lost the same bit, which alone
// would make a tag of an older pass elsewhere.
TEST(Tag, FlippedBitsDoNotMatter) {
  const Tag tag{0x7654'3210'0200, 9, 0, 4, 5};
  std::array<Tag, 4> found;
  auto sector = testing::sector(tag);
  for (std::size_t word = 0; word < kSectorWords; word += 4) sector[word * 8 + word % 7] ^= std::byte{0x10};
  ASSERT_EQ(find_tags(sector, 0, found), 1U);
  EXPECT_EQ(found[0], tag);
  for (std::size_t bit = 0; bit < 64; ++bit) {
    sector = testing::sector(tag);
    for (const std::size_t word : {21U, 25U}) sector[word * 8 + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    ASSERT_EQ(find_tags(sector, 0, found), 1U) << bit;
    EXPECT_EQ(found[0], tag);
  }
}

TEST(Tag, NoneIsFoundInWhatIsNone) {
  std::array<Tag, 2> found;
  EXPECT_EQ(find_tags(testing::bytes(kSector), 0, found), 0U);
  for (unsigned seed = 1; seed < 200; ++seed) {
    auto noise = testing::bytes(kSector);
    util::Random random(seed);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    EXPECT_EQ(find_tags(noise, 0, found), 0U);
  }
}

}  // namespace
}  // namespace spliced::verify
