#include "spliced/util/text.h"

#include <gtest/gtest.h>

namespace spliced::util {
namespace {

TEST(Text, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(printable("plain naïve 磁盘"), "plain naïve 磁盘");
  EXPECT_EQ(printable("a\x1b[31mb\r\nc\td\x7f"), "a?[31mb??c?d?");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a?b");
  // U+009B is what ESC [ is in one character; U+00A0 is a space.
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \xc2\xa0"),
            "?31m \xc2\xa0");
  EXPECT_EQ(printable("\xc2"), "\xc2");
  EXPECT_EQ(printable(""), "");
}

TEST(Text, CharactersAreNotBytes) {
  EXPECT_EQ(characters(""), 0U);
  EXPECT_EQ(characters("abc"), 3U);
  EXPECT_EQ(characters("é磁😀"), 3U);
}

}  // namespace
}  // namespace spliced::util
