// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/image.h"

#include <gtest/gtest.h>

#include <cstring>

#include "unit/verify/vectors.h"
#include "verify/kernels.h"

namespace spliced::verify {
namespace {

using testing::Bytes;
using testing::crc32c;
using testing::filled;
using testing::origin;
using testing::random_payload;

TEST(Image, VectorOfASector) {
  const Image image(random_payload(), origin());
  const Bytes sector = testing::sector({0x12345600, 3, 2, origin().job(), origin().device});
  constexpr std::array<unsigned char, 8> kBegin{0x5a, 0xc7, 0x5e, 0x98, 0xd9, 0x51, 0x2c, 0x98};
  EXPECT_EQ(std::memcmp(sector.data(), kBegin.data(), kBegin.size()), 0);
  EXPECT_EQ(crc32c(sector), 0xd69a9404U);
}

TEST(Image, VectorOfAHeaderAndAnInterval) {
  Header header = Image(random_payload(), origin()).header_at(0x12345000, 3);
  header.generation = 2;
  Bytes interval;
  for (std::uint64_t at = 0x12345000; at < 0x12346000; at += kSector) {
    const Bytes sector = testing::sector({at, 3, 2, origin().job(), origin().device});
    interval.insert(interval.end(), sector.begin(), sector.end());
  }
  write_header(header, interval.data());
  constexpr std::array<unsigned char, 4> kEnd{0x39, 0x1b, 0x72, 0x86};
  EXPECT_EQ(std::memcmp(interval.data() + 60, kEnd.data(), kEnd.size()), 0);
  EXPECT_EQ(std::memcmp(interval.data(), "SPLICED\x01", 8), 0);
  EXPECT_EQ(crc32c(interval), 0xd45c5102U);
}

TEST(Image, WhatItFillsItFindsRight) {
  for (const std::uint32_t interval : {0U, 512U, 4096U, 65536U}) {
    for (const unsigned compress : {0U, 25U, 100U}) {
      Payload payload = random_payload(interval);
      payload.compress = compress;
      const Image image(payload, origin());
      for (const std::size_t size : {512UL, 4096UL, 12'800UL, 131'072UL}) {
        const Bytes data = filled(image, size, 1'048'576 + 512, 7);
        EXPECT_EQ(image.check(data, 1'048'576 + 512, 7), size);
        EXPECT_EQ(image.check_portably(data, 1'048'576 + 512, 7), size);
        EXPECT_EQ(image.check(data, 1'048'576 + 512, 8), 0U);
      }
    }
  }
}

TEST(Image, EachOfTheBitsOfABlockIsFound) {
  const Image image(random_payload(), origin());
  Bytes data = filled(image, 4096, 0x12345000, 3);
  for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    ASSERT_EQ(image.check(data, 0x12345000, 3), bit / 8 / kSector * kSector) << bit;
    ASSERT_EQ(image.check_portably(data, 0x12345000, 3), bit / 8 / kSector * kSector) << bit;
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
}

TEST(Image, EveryKernelMakesTheSameBytes) {
  const PassKeys keys{1, 2, 3, 4};
  const auto* memory = reinterpret_cast<const std::byte*>(pool().data());
  Bytes first(64 * kSector);
  portable_kernels().fill(memory, keys, 0x7000, 64, first.data());
  Bytes wrong = first;
  wrong[63] ^= std::byte{1};
  wrong[40 * kSector + 511] ^= std::byte{1};
  for (const Kernels* kernels : {&portable_kernels(), &best_kernels()}) {
    Bytes same(64 * kSector + 8);
    kernels->fill(memory, keys, 0x7000, 64, same.data() + 8);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), same.begin() + 8)) << kernels->name;
    EXPECT_EQ(kernels->check(memory, keys, 0x7000, 64, 0, first.data()), 64U) << kernels->name;
    EXPECT_EQ(kernels->check(memory, keys, 0x7000, 64, 0, same.data() + 8), 64U) << kernels->name;
    EXPECT_EQ(kernels->check(memory, keys, 0x7000, 64, 0, wrong.data()), 0U) << kernels->name;
    EXPECT_EQ(kernels->check(memory, keys, 0x7000, 64, 64, wrong.data()), 40U) << kernels->name;
  }
}

TEST(Image, EveryKernelFindsEveryByteOfRepeatedData) {
  Bytes data(4 * kSector);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i % kRepeated);
  for (const Kernels* kernels : {&portable_kernels(), &best_kernels()}) {
    EXPECT_EQ(kernels->check_repeated(data.data(), 4, 0, data.data()), 4U) << kernels->name;
    const Bytes repeated(data.begin(), data.begin() + kRepeated);
    for (std::size_t i = 0; i < data.size(); ++i) {
      data[i] ^= std::byte{0x80};
      EXPECT_EQ(kernels->check_repeated(repeated.data(), 4, 0, data.data()), i / kSector) << kernels->name << ' ' << i;
      EXPECT_EQ(kernels->check_repeated(repeated.data(), 4, 64, data.data()), i < 64 ? 4 : i / kSector) << i;
      data[i] ^= std::byte{0x80};
    }
  }
}

TEST(Image, PartsOfSectorsAreThoseOfTheWhole) {
  const Image image(random_payload(), origin());
  const Bytes whole = filled(image, 16'384, 0, 1);
  for (const auto& [offset, size] : {std::pair(0UL, 100UL), {100UL, 1000UL}, {4095UL, 2UL}, {4096UL, 5000UL}}) {
    const Bytes part = filled(image, size, offset, 1);
    EXPECT_EQ(std::memcmp(part.data(), whole.data() + offset, size), 0) << offset;
  }
}

TEST(Image, NothingRepeats) {
  const Image image(random_payload(), origin());
  const Bytes data = filled(image, 1 << 20, 0, 1);
  std::vector<std::string_view> blocks;
  for (std::size_t at = 0; at < data.size(); at += kSector) {
    blocks.emplace_back(reinterpret_cast<const char*>(data.data()) + at, kSector);
  }
  std::sort(blocks.begin(), blocks.end());
  EXPECT_EQ(std::adjacent_find(blocks.begin(), blocks.end()), blocks.end());
}

TEST(Image, TheLastPartOfASectorCompresses) {
  Payload payload = random_payload(0);
  payload.compress = 25;
  const Bytes data = filled(Image(payload, origin()), kSector, 0, 1);
  for (std::size_t at = kSector - 128; at + 64 <= kSector; at += 32) {
    EXPECT_EQ(std::memcmp(data.data() + at, data.data() + at + 32, 32), 0) << at;
  }
  EXPECT_NE(std::memcmp(data.data(), data.data() + 32, 32), 0);
}

TEST(Image, PatternsAreRepeatedFromTheStartOfTheDevice) {
  Payload payload;
  payload.kind = PayloadKind::pattern;
  payload.pattern = "abc";
  payload.interval = 4096;
  const Image image(payload, origin());
  const Bytes data = filled(image, 8192, 4096, 5);
  const auto header = read_header(data);
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, image.header_at(4096, 5));
  EXPECT_EQ(header->payload, 2);
  for (std::size_t i = kHeaderBytes; i < 4096; ++i) ASSERT_EQ(static_cast<char>(data[i]), "abc"[(4096 + i) % 3]) << i;
  EXPECT_EQ(image.check(data, 4096, 5), data.size());
  Bytes wrong = data;
  wrong[5000] ^= std::byte{1};
  EXPECT_EQ(image.check(wrong, 4096, 5), 4608U);
}

TEST(Image, ZerosWithoutHeadersAreTheSameEverywhere) {
  Payload payload;
  payload.kind = PayloadKind::zero;
  payload.header = false;
  payload.interval = 4096;
  const Image image(payload, origin());
  EXPECT_TRUE(image.is_constant());
  EXPECT_EQ(filled(image, 8192, 0, 1), Bytes(8192));
  EXPECT_FALSE(Image(random_payload(), origin()).is_constant());
}

TEST(Image, IntervalsDivideBlocksAndOffsets) {
  EXPECT_EQ(interval_for(1 << 20, 0), 4096U);
  EXPECT_EQ(interval_for(4096, 1024), 1024U);
  EXPECT_EQ(interval_for(1536, 0), 512U);
  EXPECT_EQ(interval_for(512, 4096), 512U);
  EXPECT_EQ(interval_for(1000, 0), 0U);
}

TEST(Header, IsReadAsItWasWritten) {
  const Header header = Image(random_payload(), origin()).header_at(40'960, 6);
  Bytes data(kHeaderBytes);
  write_header(header, data.data());
  EXPECT_EQ(read_header(data), header);
  for (std::size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(read_header(data)) << bit;
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
  EXPECT_FALSE(read_header(std::span(data).first(63)));
}

}  // namespace
}  // namespace spliced::verify
