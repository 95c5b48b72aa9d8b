// SPDX-License-Identifier: Apache-2.0
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
  EXPECT_EQ(printable("\xc2"), "?");
  EXPECT_EQ(printable(""), "");
}

TEST(Text, WhatIsNoUtf8OrNoCharacterBecomesQuestionMarks) {
  EXPECT_EQ(printable("a\xff\xfe b"), "a?? b");
  EXPECT_EQ(printable("\xc0\xaf"), "??") << "longer than need be";
  EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????") << "above U+10FFFF";
  EXPECT_EQ(printable("\xe7\xa3"), "??") << "cut off";
  EXPECT_EQ(printable("x\xef\xbf\xbe\xef\xb7\x90y\xf0\x9f\xbf\xbf"), "x??y?") << "U+FFFE, U+FDD0, U+1FFFF";
  EXPECT_EQ(printable("\xef\xbf\xbd \xef\xb7\x8f \xef\xb7\xb0"), "\xef\xbf\xbd \xef\xb7\x8f \xef\xb7\xb0")
      << "U+FFFD, U+FDCF, U+FDF0 are characters";
}

TEST(Text, TheFirstThatIsUnfitIsNamed) {
  EXPECT_EQ(unfit_character(""), "");
  EXPECT_EQ(unfit_character("naïve 磁盘 😀"), "");
  EXPECT_EQ(unfit_character(std::string("a\0b", 3)), "the control character U+0000 at byte 1");
  EXPECT_EQ(unfit_character("é\xc2\x85"), "the control character U+0085 at byte 2");
  EXPECT_EQ(unfit_character("ab\xef\xbf\xbf"), "the noncharacter U+FFFF at byte 2");
  EXPECT_EQ(unfit_character("ab\xff\x07"), "no UTF-8 at byte 2");
}

TEST(Text, CharactersAreNotBytes) {
  EXPECT_EQ(characters(""), 0U);
  EXPECT_EQ(characters("abc"), 3U);
  EXPECT_EQ(characters("é磁😀"), 3U);
}

}  // namespace
}  // namespace spliced::util
