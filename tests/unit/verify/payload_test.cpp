// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/payload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace spliced::verify {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kBlock = 64 << 10;
constexpr std::uint64_t kSeed = 0x0123456789abcdefULL;
constexpr std::uint64_t kOffset = 0xf1e2d3c4b5a69000ULL;

// What the header of the class says, written down a second time: SplitMix64, xoshiro256** seeded by it, and the pool.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t left(std::uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

void put(Bytes& out, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) out[at + i] = static_cast<std::byte>(value >> (8 * i));
}

Bytes expected_pool(std::uint64_t seed, std::size_t size) {
  std::array<std::uint64_t, 4> s{};
  for (auto& word : s) word = seed = mix(seed);
  Bytes pool(size);
  for (std::size_t at = 0; at < size; at += 8) {
    put(pool, at, left(s[1] * 5, 7) * 9);
    const std::uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = left(s[3], 45);
  }
  return pool;
}

Bytes expected_block(const Bytes& pool, bool stamp, std::uint64_t seed, std::uint64_t offset, std::size_t size) {
  const auto from = pool.begin() + static_cast<std::ptrdiff_t>(mix(seed ^ offset) % 64 * 4096);
  Bytes block(from, from + static_cast<std::ptrdiff_t>(size));
  if (stamp) {
    put(block, 0, offset);
    put(block, 8, seed);
  }
  return block;
}

PayloadSource source_of(Payload kind, std::uint64_t seed = kSeed, std::size_t block = kBlock) {
  auto source = PayloadSource::create(kind, seed, block);
  if (!source) throw std::runtime_error(source.error().message);
  return std::move(*source);
}

// The operator of the vector goes byte by byte, which takes long under a sanitizer.
bool same(const Bytes& a, const Bytes& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes block_of(PayloadSource& source, std::uint64_t offset, std::size_t size = kBlock) {
  const std::byte* data = source.fill(offset);
  return Bytes(data, data + size);
}

TEST(PayloadSource, FollowsTheDocumentedFormula) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, kSeed, ~std::uint64_t{0}}) {
    for (const std::size_t size : {std::size_t{512}, std::size_t{4096}, std::size_t{12288}, kBlock}) {
      const Bytes pool = expected_pool(seed, (64 << 12) + kBlock);
      PayloadSource stamp = source_of(Payload::stamp, seed, size);
      PayloadSource random = source_of(Payload::random, seed, size);
      for (std::uint64_t i = 0; i < 100; ++i) {
        const std::uint64_t offset = i * size;
        ASSERT_TRUE(same(block_of(stamp, offset, size), expected_block(pool, true, seed, offset, size))) << offset;
        ASSERT_TRUE(same(block_of(random, offset, size), expected_block(pool, false, seed, offset, size))) << offset;
      }
    }
  }
}

TEST(PayloadSource, StampIsOffsetAndSeedLittleEndian) {
  PayloadSource source = source_of(Payload::stamp);
  const Bytes block = block_of(source, kOffset);
  const std::array<int, kStampBytes> expected{0x00, 0x90, 0xa6, 0xb5, 0xc4, 0xd3, 0xe2, 0xf1,
                                              0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
  for (std::size_t i = 0; i < kStampBytes; ++i) EXPECT_EQ(std::to_integer<int>(block[i]), expected[i]) << i;
}

TEST(PayloadSource, IsAFunctionOfKindSeedAndOffset) {
  for (const Payload kind : {Payload::stamp, Payload::random, Payload::zero}) {
    PayloadSource used = source_of(kind);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::uint64_t offset = mix(i) / 512 * 512;
      PayloadSource fresh = source_of(kind, kSeed, 4096);  // of another block size, too
      const Bytes block = block_of(used, offset, 4096);
      ASSERT_TRUE(same(block, block_of(fresh, offset, 4096))) << offset;
    }
  }
}

TEST(PayloadSource, StampsDoNotLeakIntoLaterBlocks) {
  const Bytes pool = expected_pool(kSeed, (64 << 12) + kBlock);
  PayloadSource source = source_of(Payload::stamp);
  // Blocks of 16 pages at 64 starts: most of these windows overlap the one before, some begin at the very same page.
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const std::uint64_t offset = i * kBlock;
    ASSERT_TRUE(same(block_of(source, offset), expected_block(pool, true, kSeed, offset, kBlock))) << i;
  }
}

TEST(PayloadSource, SameOffsetTwiceIsTheSameBlock) {
  PayloadSource source = source_of(Payload::stamp);
  const Bytes first = block_of(source, 0);
  EXPECT_EQ(block_of(source, 0), first);
  EXPECT_NE(block_of(source, kBlock), first);
  EXPECT_EQ(block_of(source, 0), first);
}

TEST(PayloadSource, StampTellsOffsetsWithTheSameWindowApart) {
  PayloadSource source = source_of(Payload::stamp);
  std::uint64_t other = 1;
  while (mix(kSeed ^ other) % 64 != mix(kSeed) % 64) ++other;
  const Bytes one = block_of(source, 0);
  const Bytes two = block_of(source, other);
  EXPECT_FALSE(std::equal(one.begin(), one.begin() + 8, two.begin()));
  EXPECT_TRUE(std::equal(one.begin() + 8, one.end(), two.begin() + 8));
}

TEST(PayloadSource, SeedsDiffer) {
  for (const Payload kind : {Payload::stamp, Payload::random}) {
    PayloadSource one = source_of(kind, 1);
    PayloadSource two = source_of(kind, 2);
    const Bytes a = block_of(one, 0);
    const Bytes b = block_of(two, 0);
    std::size_t same = 0;
    for (std::size_t i = kStampBytes; i < kBlock; ++i) same += a[i] == b[i] ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(same), kBlock / 256.0, 100) << "as many as chance has it";
  }
}

TEST(PayloadSource, RandomHasNoStamp) {
  PayloadSource stamp = source_of(Payload::stamp);
  PayloadSource random = source_of(Payload::random);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Bytes with = block_of(stamp, i * kBlock);
    const Bytes without = block_of(random, i * kBlock);
    ASSERT_FALSE(std::equal(with.begin(), with.begin() + kStampBytes, without.begin()));
    ASSERT_TRUE(std::equal(with.begin() + kStampBytes, with.end(), without.begin() + kStampBytes));
  }
}

TEST(PayloadSource, ZeroIsAllZero) {
  PayloadSource source = source_of(Payload::zero);
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{4096}, kOffset, ~std::uint64_t{0}}) {
    EXPECT_EQ(block_of(source, offset), Bytes(kBlock)) << offset;
  }
}

TEST(PayloadSource, BlocksArePageAligned) {
  for (const Payload kind : {Payload::stamp, Payload::random, Payload::zero}) {
    PayloadSource source = source_of(kind);
    for (std::uint64_t i = 0; i < 500; ++i) {
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(source.fill(i * 512)) % util::kPageSize, 0U);
    }
  }
}

TEST(PayloadSource, EveryWindowIsUsed) {
  PayloadSource source = source_of(Payload::random, kSeed, 4096);
  std::vector<const std::byte*> windows;
  for (std::uint64_t i = 0; i < 2'000; ++i) windows.push_back(source.fill(i * 4096));
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  EXPECT_EQ(windows.size(), kPoolPages);
}

TEST(PayloadSource, IsIncompressible) {
  for (const Payload kind : {Payload::stamp, Payload::random}) {
    PayloadSource source = source_of(kind);
    std::array<double, 256> bytes{};
    std::vector<double> pairs(1 << 16);
    int total = 0;
    for (std::uint64_t i = 0; i < 16; ++i) {
      const Bytes block = block_of(source, i * kBlock);
      for (std::size_t at = 0; at + 1 < kBlock; at += 2, ++total) {
        ++bytes[std::to_integer<std::size_t>(block[at])];
        ++pairs[std::to_integer<std::size_t>(block[at]) << 8 | std::to_integer<std::size_t>(block[at + 1])];
      }
    }
    double entropy = 0;
    for (const double n : bytes) entropy -= n == 0 ? 0 : n / total * std::log2(n / total);
    EXPECT_GT(entropy, 7.99) << "bits per byte";
    EXPECT_LT(*std::max_element(pairs.begin(), pairs.end()), 100) << "no pair of bytes stands out";
  }
}

TEST(PayloadSource, BlocksAtPlacesOfTheirOwnAreValidTogether) {
  for (const Payload kind : {Payload::stamp, Payload::random, Payload::zero}) {
    auto together = PayloadSource::create(kind, kSeed, 4096, 64, util::Pages::huge);
    ASSERT_TRUE(together);
    // More blocks than the pool has windows, so that some share one.
    std::vector<std::byte*> blocks;
    for (std::size_t i = 0; i < 64; ++i) blocks.push_back(together->fill(i * 4096, i));
    auto expected = PayloadSource::create(kind, kSeed, 4096);
    ASSERT_TRUE(expected);
    for (std::size_t i = 0; i < 64; ++i) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i]) % 4096, 0U);
      EXPECT_EQ(std::memcmp(blocks[i], expected->fill(i * 4096), 4096), 0) << i;
    }
  }
}

TEST(PayloadSource, ABlockAtAPlaceIsTheSameAfterOneThatHadAStamp) {
  auto source = PayloadSource::create(Payload::stamp, kSeed, 4096, 2);
  auto expected = PayloadSource::create(Payload::stamp, kSeed, 4096);
  ASSERT_TRUE(source && expected);
  for (std::uint64_t offset = 0; offset < 200 * 4096; offset += 4096) {
    (void)source->fill(offset + 7 * 4096);
    EXPECT_EQ(std::memcmp(source->fill(offset, 1), expected->fill(offset), 4096), 0) << offset;
  }
}

TEST(PayloadSource, WorksOnAfterAMove) {
  PayloadSource source = source_of(Payload::stamp);
  const Bytes before = block_of(source, 4096);
  const Bytes other = block_of(source, 8192);
  PayloadSource moved = std::move(source);
  EXPECT_EQ(block_of(moved, 4096), before);
  EXPECT_EQ(block_of(moved, 8192), other);
}

TEST(PayloadSource, SaysWhenThereIsNoMemory) {
  for (const Payload kind : {Payload::stamp, Payload::random, Payload::zero}) {
    const auto source = PayloadSource::create(kind, 1, std::size_t{1} << 62);
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, util::Errc::system);
    EXPECT_EQ(source.error().sys_errno, ENOMEM);
    EXPECT_EQ(source.error().message.rfind("payload: allocate", 0), 0U) << source.error().message;
  }
}

TEST(Payload, NamesFollowTheEnum) {
  EXPECT_EQ(kPayloadNames[static_cast<std::size_t>(Payload::stamp)], "stamp");
  EXPECT_EQ(kPayloadNames[static_cast<std::size_t>(Payload::random)], "random");
  EXPECT_EQ(kPayloadNames[static_cast<std::size_t>(Payload::zero)], "zero");
}

}  // namespace
}  // namespace spliced::verify
