// SPDX-License-Identifier: Apache-2.0
#include "api/stored_text.h"

#include <gtest/gtest.h>

#include <vector>

#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using testing::pieces_of;

std::vector<std::string> parts_of(const std::string& text, std::size_t piece) {
  StoredText stored(pieces_of(text, piece));
  std::vector<std::string> out{stored.head()};
  while (auto device = stored.device()) out.push_back(*device);
  return out;
}
using Parts = std::vector<std::string>;

TEST(StoredText, ComesApartWhereverItIsCut) {
  const std::string text =
      R"({"id":"x","workload":{"a":[1]},"targets":["[{"],"name":"\"devices\":[","devices":[{"a":"}\"]"},{"b":{"c":[{}]}}]})";
  const Parts expected{R"({"id":"x","workload":{"a":[1]},"targets":["[{"],"name":"\"devices\":[","devices":[]})",
                       R"({"a":"}\"]"})", R"({"b":{"c":[{}]}})"};
  for (std::size_t piece = 1; piece < text.size(); ++piece) EXPECT_EQ(parts_of(text, piece), expected) << piece;
}

TEST(StoredText, WithoutDevicesItIsAllHead) {
  for (const char* text : {"", "{}", R"({"id":"x","devices":5})", "not json", R"({"a":{"devices":[{}]}})"}) {
    EXPECT_EQ(parts_of(text, 3), Parts{text});
  }
}

TEST(StoredText, WhatIsTornEndsEarly) {
  EXPECT_EQ(parts_of(R"({"devices":[{"a":1},{"b":)", 4), (Parts{R"({"devices":[]})", R"({"a":1})"}));
  EXPECT_EQ(parts_of(R"({"devices":[5,{"a":1}]})", 4), (Parts{R"({"devices":[]})", R"({"a":1})"}));
}

TEST(StoredText, NoPartGrowsWithoutEnd) {
  std::size_t read = 0;
  const auto endless = [&](std::string& out) {
    out.append(util::kPieceBytes, 'x');
    read += util::kPieceBytes;
    return true;
  };
  StoredText stored(endless);
  EXPECT_LT(stored.head().size(), 9U << 20);
  EXPECT_LT(read, 9U << 20);
  EXPECT_FALSE(stored.device());
}

}  // namespace
}  // namespace spliced::api
