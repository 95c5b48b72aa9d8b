// SPDX-License-Identifier: Apache-2.0
#include "spliced/verify/write_buffers.h"

#include <gtest/gtest.h>

#include <cstring>

#include "unit/verify/vectors.h"

namespace spliced::verify {
namespace {

using testing::filled;
using testing::origin;
using testing::random_payload;

TEST(WriteBuffers, EachPlaceKeepsItsOwn) {
  const auto image = std::make_shared<const Image>(random_payload(), origin());
  auto buffers = WriteBuffers::create(image, 8192, 4);
  ASSERT_TRUE(buffers);
  std::vector<std::byte*> places;
  for (std::size_t i = 0; i < 4; ++i) places.push_back(buffers->fill(i * 8192, 8192, 2, i));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(places[0]) % util::kPageSize, 0U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(places[i], places[0] + i * 8192);
    EXPECT_EQ(std::memcmp(places[i], filled(*image, 8192, i * 8192, 2).data(), 8192), 0) << i;
  }
}

TEST(WriteBuffers, AShortBlockLeavesTheRestAlone) {
  const auto image = std::make_shared<const Image>(random_payload(), origin());
  auto buffers = WriteBuffers::create(image, 8192, 1);
  ASSERT_TRUE(buffers);
  std::byte* const place = buffers->fill(0, 8192, 1, 0);
  const std::byte before = place[1000];
  (void)buffers->fill(8192, 1000, 1, 0);
  EXPECT_EQ(place[1000], before);
  EXPECT_EQ(std::memcmp(place, filled(*image, 1000, 8192, 1).data(), 1000), 0);
}

TEST(WriteBuffers, WhereOnlyHeadersDifferTheyAreRightInEachBlock) {
  Payload payload{PayloadKind::pattern, std::string("\xaa\x55"), 0, 4096, true};
  const auto image = std::make_shared<const Image>(payload, origin());
  auto buffers = WriteBuffers::create(image, 8192, 2);
  ASSERT_TRUE(buffers);
  std::uint32_t pass = 1;
  for (const auto& [offset, length] : {std::pair(0UL, 8192UL),
                                       {8192UL, 8192UL},
                                       {40'960UL, 4096UL},
                                       {0UL, 8192UL},
                                       {512UL, 8192UL},
                                       {8704UL, 8192UL},
                                       {1024UL, 512UL},
                                       {4096UL, 8192UL}}) {
    for (std::size_t place = 0; place < 2; ++place, ++pass) {
      const std::byte* const found = buffers->fill(offset, length, pass, place);
      ASSERT_EQ(std::memcmp(found, filled(*image, length, offset, pass).data(), length), 0) << offset << " " << length;
    }
  }
}

TEST(WriteBuffers, WhatIsTheSameEverywhereIsMadeOnce) {
  Payload payload;
  payload.kind = PayloadKind::pattern;
  payload.pattern = "\xaa";
  payload.header = false;
  auto buffers = WriteBuffers::create(std::make_shared<const Image>(payload, origin()), 4096, 8);
  ASSERT_TRUE(buffers);
  std::byte* const first = buffers->fill(0, 4096, 1, 0);
  EXPECT_EQ(buffers->fill(40'960, 4096, 2, 7), first);
  EXPECT_EQ(first[4095], std::byte{0xaa});
}

}  // namespace
}  // namespace spliced::verify
