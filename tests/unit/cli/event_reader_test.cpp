// SPDX-License-Identifier: Apache-2.0
#include "cli/event_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace spliced::cli {
namespace {

std::vector<std::string> read_in_pieces(std::string_view text, std::size_t size) {
  EventReader reader;
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); at += size) {
    reader.take(text.substr(at, size),
                [&](const ServerEvent& one) { out.push_back(one.id + "|" + one.kind + "|" + one.data); });
  }
  return out;
}

TEST(EventReaderTest, TellsEventsHoweverTheyComeInPieces) {
  const std::string_view text =
      "retry: 2000\n\n:\n\nid: 7\nevent: state\ndata: {\"a\": 1}\n\n"
      "event:progress\r\ndata: one\r\ndata: two\r\n\r\nid: 8\nevent: empty\n\ndata: not whole\n";
  const std::vector<std::string> expected{"7|state|{\"a\": 1}", "|progress|one\ntwo"};
  for (const std::size_t size : {1, 2, 3, 7, 1000}) EXPECT_EQ(read_in_pieces(text, size), expected) << size;
}

}  // namespace
}  // namespace spliced::cli
