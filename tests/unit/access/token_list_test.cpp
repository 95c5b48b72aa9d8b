// SPDX-License-Identifier: Apache-2.0
#include "spliced/access/token_list.h"

#include <gtest/gtest.h>

namespace spliced::access {
namespace {

constexpr const char* kSecret = "0123456789abcdef";  // as short as may be

std::string line(const std::string& name, const std::string& scope, const std::string& token,
                 const std::string& more = "") {
  const auto known = parse_scope(scope);
  return token_line({name, known.value_or(Scope::read), digest_of(token), {}}) + more + "\n";
}
std::string refusal(const std::string& text) {
  const auto parsed = TokenList::parse(text);
  EXPECT_FALSE(parsed) << text;
  return parsed ? "" : parsed.error().message;
}

// FIPS 180-4, as published with it.
TEST(TokenList, DigestsAreThoseOfTheStandard) {
  EXPECT_EQ(token_line({"a", Scope::read, digest_of("abc"), {}}),
            "a read sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenList, ATokenAsItIsMayDoEverything) {
  const auto list = TokenList::parse(kSecret + std::string("\nsecond line\n"));
  ASSERT_TRUE(list);
  ASSERT_NE(list->find(kSecret), nullptr);
  EXPECT_EQ(list->find(kSecret)->name, "token");
  EXPECT_EQ(list->find(kSecret)->scope, Scope::destroy);
  for (const std::string& other :
       {std::string(), std::string("0123456789abcde"), std::string("0123456789abcdeF"), std::string("second line"),
        kSecret + std::string(1, '\0'), std::string(9999, 'x')}) {
    EXPECT_EQ(list->find(other), nullptr) << other;
  }
}

TEST(TokenList, EachLineHasAnameAndAScope) {
  const std::string text = "# those of the fleet\n\n" + line("ci", "run", "token of the ci system") + " \t\n" +
                           line("board", "read", "token of the dashboard") +
                           line("ops@x.y-z_1", "destroy", "token of operations", " expires=2027-01-31T23:59:59Z");
  const auto list = TokenList::parse(text);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->size(), 3U);
  EXPECT_EQ(list->find("token of the ci system")->scope, Scope::run);
  EXPECT_EQ(list->find("token of the dashboard")->scope, Scope::read);
  EXPECT_EQ(list->find("token of operations")->scope, Scope::destroy);
  EXPECT_FALSE(list->find("token of the dashboard")->expires);
  EXPECT_EQ(list->find("token of operations")->expires->time_since_epoch().count(), 1801439999);
  EXPECT_EQ(token_line(*list->find("token of operations")) + "\n",
            line("ops@x.y-z_1", "destroy", "token of operations", " expires=2027-01-31T23:59:59Z"));
}

TEST(TokenList, AFarYearIsWrittenAsItWasRead) {
  const std::string text = line("far", "read", kSecret, " expires=9999-12-31T23:59:59Z");
  EXPECT_EQ(token_line(*TokenList::parse(text)->find(kSecret)) + "\n", text);
}

TEST(TokenList, WhatIsWrongIsNamedByItsLineAndNotQuoted) {
  const std::string digest = line("a", "read", kSecret).substr(7);
  const std::pair<std::string, std::string> wrong[] = {
      {"", "no token"},
      {"# nothing\n\n", "no token"},
      {"\n0123456789abcde", "line 2: NAME SCOPE"},
      {"0123456789abcde\n", "has 15 bytes; a token has 16 or more"},
      {digest, "line 1: NAME SCOPE"},
      {kSecret + std::string("\n") + line("ci", "run", "token of the ci"), "stands alone"},
      {"ci admin " + digest, "line 1: the scope is read, run or destroy"},
      {"ci none " + digest, "line 1: the scope"},
      {"c:i run " + digest, "line 1: a name"},
      {std::string(65, 'n') + " run " + digest, "line 1: a name"},
      {"#\nci run sha256:1234", "line 2: sha256:"},
      {"ci run sha256:" + std::string(64, 'g'), "line 1: sha256:"},
      {"ci run " + std::string(71, 'a'), "line 1: sha256:"},
      {"ci run hunter2-hunter2-hunter2 \n", "line 1: sha256:"},
      {line("ci", "run", kSecret, " expires=tomorrow"), "line 1: the last word"},
      {line("ci", "run", kSecret, " expires=2027-02-30T00:00:00Z"), "line 1: the last word"},
      {line("ci", "run", kSecret, " expires=2027-01-31T00:00:00+01:00"), "line 1: the last word"},
      {line("ci", "run", kSecret, " 2027-01-31T00:00:00Z"), "line 1: the last word"},
      {line("ci", "run", kSecret, " expires=2027-01-31T00:00:00Z more"), "line 1: NAME SCOPE"},
      {line("ci", "run", kSecret) + line("ci", "run", "another one of them"), "line 2: its name or its digest"},
      {line("ci", "run", kSecret) + line("cd", "run", kSecret), "line 2: its name or its digest"},
  };
  for (const auto& [text, part] : wrong) {
    const std::string said = refusal(text);
    EXPECT_NE(said.find(part), std::string::npos) << text << ": " << said;
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
    EXPECT_EQ(said.find("0123456789"), std::string::npos) << said;
  }
}

TEST(TokenList, AsManyAsThereMayBe) {
  std::string text;
  for (std::size_t i = 0; i < TokenList::kMaxTokens; ++i) text += line(std::to_string(i), "read", std::to_string(i));
  EXPECT_EQ(TokenList::parse(text)->size(), TokenList::kMaxTokens);
  EXPECT_NE(refusal(text + line("more", "read", "one more")).find("more than 10000"), std::string::npos);
}

}  // namespace
}  // namespace spliced::access
