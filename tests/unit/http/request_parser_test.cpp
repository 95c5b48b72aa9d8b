// SPDX-License-Identifier: Apache-2.0
#include "http/request_parser.h"

#include <gtest/gtest.h>

namespace spliced::http {
namespace {

std::optional<Request> parse(const std::string& line, const std::string& fields = "") {
  RequestParser parser;
  return parser.parse(line + "\r\n" + fields + "\r\n");
}

TEST(RequestParser, ReadsMethodPathQueryAndType) {
  const auto request = parse("POST /a%20b?x=1&y=%21&x=2 HTTP/1.1", "content-type: application/json\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->path, "/a b");
  EXPECT_EQ(request->query.count("x"), 2U);
  EXPECT_EQ(request->query_value("y"), "!");
  EXPECT_EQ(request->content_type, "application/json");
  EXPECT_EQ(request->body, "");
}

TEST(RequestParser, AQueryIsTakenApartAtTheFirstEqualsSign) {
  const auto query = [](const std::string& text) { return parse("GET /?" + text + " HTTP/1.1")->query; };
  using Query = std::multimap<std::string, std::string>;
  EXPECT_EQ(query("device=/a=b"), (Query{{"device", "/a=b"}}));
  EXPECT_EQ(query("a=1&a=1&&b&=c&d="), (Query{{"a", "1"}, {"a", "1"}, {"b", ""}, {"", "c"}, {"d", ""}}));
  EXPECT_EQ(query("a%3D=%26+%zz%4"), (Query{{"a=", "& %zz%4"}}));
  EXPECT_EQ(query("a=1?b=2"), (Query{{"a", "1?b=2"}}));
  EXPECT_TRUE(query("").empty());
}

TEST(RequestParser, ALongTypeIsPassedOn) {
  const std::string type = "application/json; x=" + std::string(20000, 'a');
  EXPECT_EQ(parse("POST / HTTP/1.1", "Content-Type: " + type + "\r\n")->content_type, type);
}

TEST(RequestParser, TakesBothVersions) {
  EXPECT_TRUE(parse("GET / HTTP/1.0"));
  EXPECT_TRUE(parse("GET / HTTP/1.1"));
  for (const char* line : {"GET /", "GET", "", " ", "BREW / HTTP/1.1", "hello"}) {
    EXPECT_FALSE(parse(line)) << line;
  }
}

TEST(RequestParser, RemembersNothingOfTheRequestBefore) {
  RequestParser parser;
  ASSERT_TRUE(parser.parse("GET /a?x=1 HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n"));
  EXPECT_FALSE(parser.parse("BREW / HTTP/1.1\r\n\r\n"));
  const auto next = parser.parse("GET /b HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->path, "/b");
  EXPECT_TRUE(next->query.empty());
  EXPECT_EQ(next->content_type, "");
}

TEST(RequestParser, ATargetInAbsoluteFormIsItsPath) {
  const std::pair<const char*, const char*> targets[] = {{"http://localhost:8650/v1/jobs", "/v1/jobs"},
                                                         {"HTTP://x/a%20b", "/a b"},
                                                         {"https://x", "/"},
                                                         {"http://x?wait=1", "/"}};
  for (const auto& [target, path] : targets) {
    const auto request = parse(std::string("GET ") + target + " HTTP/1.1");
    ASSERT_TRUE(request) << target;
    EXPECT_EQ(request->path, path) << target;
  }
  EXPECT_EQ(parse("GET http://x/?wait=1 HTTP/1.1")->query_value("wait"), "1");
  EXPECT_EQ(parse("GET http://x?wait=1 HTTP/1.1")->query_value("wait"), "1");
}

TEST(RequestParser, ALongFieldThatNobodyReadsIsNoMatter) {
  EXPECT_TRUE(parse("GET / HTTP/1.1", "Cookie: " + std::string(30000, 'c') + "\r\n"));
}

// Its own interim answer would come before anybody was let in.
TEST(RequestParser, LongPathsAndExpectationsArePassedOn) {
  const auto request = parse("GET /" + std::string(4000, 'a') + " HTTP/1.1", "Expect: 100-continue\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path.size(), 4001U);
}

}  // namespace
}  // namespace spliced::http
