// SPDX-License-Identifier: Apache-2.0
#include "form/strict_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace spliced::form {
namespace {

using nlohmann::json;

// Expects a refusal with one detail; returns its pointer.
std::string pointer_of(const std::string& text) {
  const auto parsed = parse_strict(text);
  if (parsed) {
    ADD_FAILURE() << text << " was accepted";
    return "accepted";
  }
  EXPECT_EQ(parsed.error().code, util::Errc::invalid);
  EXPECT_FALSE(parsed.error().message.empty());
  EXPECT_EQ(parsed.error().details.size(), 1U);
  EXPECT_EQ(parsed.error().details.front().detail, parsed.error().message);
  return parsed.error().details.front().pointer;
}

void expect_duplicate(const std::string& text, const std::string& pointer) {
  EXPECT_EQ(pointer_of(text), pointer);
  EXPECT_EQ(parse_strict(text).error().message, "the key is given twice") << text;
}

std::string nested(int depth, const std::string& open, const std::string& close) {
  std::string out;
  for (int i = 0; i < depth; ++i) out += open;
  out += "1";
  for (int i = 0; i < depth; ++i) out += close;
  return out;
}

TEST(StrictJson, ReadsEveryKindOfValue) {
  const auto parsed = parse_strict(R"( {"a": [1, -2, 3.5, "x\u00e9", true, false, null], "b": {}} )");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, (json{{"a", {1, -2, 3.5, "xé", true, false, nullptr}}, {"b", json::object()}}));
}

TEST(StrictJson, ReadsScalarsAlone) {
  EXPECT_EQ(*parse_strict("5"), 5);
  EXPECT_EQ(*parse_strict("\"\""), "");
  EXPECT_EQ(*parse_strict("null"), nullptr);
}

TEST(StrictJson, EmptyBodyIsNamedSo) {
  EXPECT_EQ(pointer_of(""), "");
  EXPECT_NE(parse_strict("").error().message.find("empty"), std::string::npos);
  EXPECT_EQ(pointer_of("  \n"), "");
}

TEST(StrictJson, DepthHasABound) {
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
    EXPECT_TRUE(parse_strict(nested(kMaxJsonDepth, open, close))) << open;
    const auto deeper = parse_strict(nested(kMaxJsonDepth + 1, open, close));
    ASSERT_FALSE(deeper) << open;
    EXPECT_EQ(deeper.error().message, "nested deeper than 16 levels");
  }
}

TEST(StrictJson, BottomlessDepthIsRefusedAtTheBound) {
  pointer_of(std::string(1 << 20, '['));
  std::string objects;
  while (objects.size() < 1 << 20) objects += "{\"a\":";
  EXPECT_EQ(pointer_of(objects), "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a");
}

TEST(StrictJson, KeysAreUniqueAtEveryLevel) {
  expect_duplicate(R"({"a": 1, "a": 1})", "/a");
  expect_duplicate(R"({"w": {"bs": 1, "rw": 2, "bs": 3}})", "/w/bs");
  expect_duplicate(R"({"x": {"y": 1}, "z": {"z": {"k": 1, "k": 2}}})", "/z/z/k");
  expect_duplicate(R"({"x": {"y": 1}, "x": 2})", "/x");
  expect_duplicate(R"({"x": [1, 2], "x": 2})", "/x");
}

TEST(StrictJson, KeysOfDifferentObjectsMayBeEqual) {
  EXPECT_TRUE(parse_strict(R"({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]})"));
  EXPECT_TRUE(parse_strict(R"({"a": 1, "A": 1})"));
}

TEST(StrictJson, DuplicatesInArraysAreNamedByIndex) {
  expect_duplicate(R"({"l": [{"a": 1}, 5, {"b": 1, "b": 2}]})", "/l/2/b");
  expect_duplicate(R"([[], [0, {"b": 1, "b": 2}]])", "/1/1/b");
}

TEST(StrictJson, EscapesDoNotHideADuplicate) {
  expect_duplicate("{\"ab\": 1, \"\\u0061b\": 2}", "/ab");
}

TEST(StrictJson, PointersAreEscaped) {
  expect_duplicate(R"({"a/b~c": 1, "a/b~c": 2})", "/a~1b~0c");
}

TEST(StrictJson, EmptyKeyIsAStepOfThePointer) {
  expect_duplicate(R"({"": 1, "": 2})", "/");
  expect_duplicate(R"({"": {"a": 1, "a": 2}})", "//a");
}

TEST(StrictJson, NumbersAreThoseOfJson) {
  for (const char* value :
       {"NaN", "nan", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x10", "1e", "--1", "1_000"}) {
    EXPECT_EQ(pointer_of(std::string("{\"a\": {\"b\": ") + value + "}}"), "/a/b") << value;
  }
}

TEST(StrictJson, NumbersBeyondADoubleAreRefused) {
  EXPECT_EQ(pointer_of(R"({"a": 1, "n": 1e999})"), "/n");
  EXPECT_EQ(pointer_of(R"({"n": -1e999})"), "/n");
  EXPECT_TRUE(parse_strict(R"({"n": 1e308, "m": 1e-999})"));
}

TEST(StrictJson, HugeIntegersBecomeDoubles) {
  EXPECT_TRUE(parse_strict("18446744073709551615")->is_number_unsigned());
  EXPECT_TRUE(parse_strict("18446744073709551616")->is_number_float());
  EXPECT_TRUE(parse_strict("-9223372036854775809")->is_number_float());
}

TEST(StrictJson, TextIsUtf8) {
  for (const char* bytes : {"\xff", "\xc3(", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(pointer_of(std::string("{\"a\": \"") + bytes + "\"}"), "/a") << bytes;
    pointer_of(std::string("{\"") + bytes + "\": 1}");
  }
  for (const char* escape : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\x41")"}) pointer_of(escape);
  EXPECT_EQ(*parse_strict(R"("\ud83d\ude00")"), "\xf0\x9f\x98\x80");
}

TEST(StrictJson, ControlCharactersAreEscaped) {
  pointer_of("\"a\nb\"");
  pointer_of(std::string("\"a\0b\"", 5));
  EXPECT_EQ(*parse_strict(R"("a\u0000b")"), std::string("a\0b", 3));
}

TEST(StrictJson, NothingFollowsTheValue) {
  for (const char* text : {"{} {}", "{}x", "{}]", "1 2", "{},", "{}//", "{}/**/"})
    EXPECT_EQ(pointer_of(text), "") << text;
}

// The JSON library takes a NUL for the end of the text.
TEST(StrictJson, NulIsNoEndOfTheText) {
  pointer_of(std::string("{}\0", 3));
  pointer_of(std::string("{}\0{\"a\": 1}", 11));
}

TEST(StrictJson, NoCommentsNoTrailingCommasNothingUnfinished) {
  for (const char* text : {"{/**/}", "// x\n{}", "[1,]", "{\"a\":1,}", "{", "[", "{\"a\"", "{\"a\":", "\"a", "tru",
                           "{a:1}", "{'a':1}", "[1 2]"}) {
    pointer_of(text);
  }
}

// RFC 8259 lets a parser ignore it.
TEST(StrictJson, ByteOrderMarkIsIgnoredWhenItIsWhole) {
  EXPECT_TRUE(parse_strict("\xef\xbb\xbf{}"));
  pointer_of("\xef\xbb{}");
  pointer_of("\xef\xbb\xbf");
  pointer_of(std::string("\xff\xfe{\0}\0", 6));
}

TEST(StrictJson, WrongElementOfAnArrayIsNamedByItsIndex) {
  EXPECT_EQ(pointer_of(R"({"a": [1, NaN]})"), "/a/1");
  EXPECT_EQ(pointer_of(R"({"a": [NaN]})"), "/a/0");
}

TEST(StrictJson, MessageIsForPeople) {
  const std::string message = parse_strict("{\"a\": }").error().message;
  EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
  EXPECT_NE(message.find("column"), std::string::npos) << message;
}

}  // namespace
}  // namespace spliced::form
