// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/hex.h"

#include <gtest/gtest.h>

#include <array>

namespace spliced::util {
namespace {

TEST(Hex, ComesBackAsItWas) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(from_hex(to_hex(all)), all);
  EXPECT_EQ(to_hex(std::string_view("\xaa\x05")), "aa05");
  EXPECT_EQ(from_hex("Aa05"), "\xaa\x05");
  EXPECT_EQ(from_hex(""), "");
}

TEST(Hex, IsNothingElse) {
  for (const char* wrong : {"a", "abc", "0g", "0x", " 00", "-1"}) EXPECT_FALSE(from_hex(wrong)) << wrong;
}

TEST(Hex, UuidsHaveTheirHyphens) {
  std::array<std::byte, 16> bytes{};
  bytes[0] = std::byte{0x12};
  bytes[15] = std::byte{0xef};
  EXPECT_EQ(format_uuid(bytes), "12000000-0000-0000-0000-0000000000ef");
}

}  // namespace
}  // namespace spliced::util
