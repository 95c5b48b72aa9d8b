// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "spliced/workload/cursor.h"

namespace spliced::workload {
namespace {

TEST(PackedCursor, ComesBack) {
  for (const Cursor& cursor : {Cursor{}, Cursor{7, 7, {}, {}}, Cursor{200, 100, {1, 2, 99}, {5, ~std::uint64_t{0}}},
                               Cursor{~std::uint64_t{0}, 1ULL << 63, {(1ULL << 63) - 1}, {0}}}) {
    const auto back = unpack(cursor.position, cursor.watermark, pack(cursor));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->position, cursor.position);
    EXPECT_EQ(back->watermark, cursor.watermark);
    EXPECT_EQ(back->missing, cursor.missing);
    EXPECT_EQ(back->done, cursor.done);
  }
}

// It is a promise: what lies in a database is read by every later version.
TEST(PackedCursor, HasTheseBytes) {
  EXPECT_EQ(pack({300, 258, {257}, {3}}), std::string("\x01\x01\0\x01\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", 19));
}

TEST(PackedCursor, IsNoLargerThanPromised) {
  Cursor most{Cursor::kWindow * 2, Cursor::kWindow, {}, std::vector<std::uint64_t>(Cursor::kWindow / 64, 1)};
  for (std::uint64_t i = 0; i < Cursor::kMaxMissing; ++i) most.missing.push_back(i);
  EXPECT_EQ(pack(most).size(), 3 + 8 * Cursor::kMaxMissing + Cursor::kWindow / 8);
  EXPECT_TRUE(unpack(most.position, most.watermark, pack(most)));
  most.done.push_back(1);
  EXPECT_FALSE(unpack(most.position, most.watermark, pack(most)));
}

TEST(PackedCursor, WhatIsTornOrContradictsItselfIsRefused) {
  const std::string good = pack({200, 100, {1, 2}, {5}});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto read = unpack(200, 100, good.substr(0, size));
    EXPECT_TRUE(!read || size == good.size() - 8) << size << ": a word of what is done less";
  }
  EXPECT_FALSE(unpack(200, 100, "\x02" + good.substr(1)));
  EXPECT_FALSE(unpack(99, 100, good));
  EXPECT_FALSE(unpack(200, 2, good));
  EXPECT_FALSE(unpack(200, 100, pack({200, 100, {2, 1}, {}})));
  EXPECT_FALSE(unpack(200, 100, std::string("\x01\x05\0", 3)));
}

}  // namespace
}  // namespace spliced::workload
