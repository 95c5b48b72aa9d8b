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

TEST(RequestParser, TakesBothVersionsAndNoOther) {
  EXPECT_TRUE(parse("GET / HTTP/1.0"));
  EXPECT_TRUE(parse("GET / HTTP/1.1"));
  for (const char* line : {"GET /", "GET / HTTP/9.9", "GET / HTTP/2", "GET", "", " ", "BREW / HTTP/1.1", "hello"}) {
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

// Its own interim answer would come before anybody was let in.
TEST(RequestParser, LongPathsAndExpectationsArePassedOn) {
  const auto request = parse("GET /" + std::string(4000, 'a') + " HTTP/1.1", "Expect: 100-continue\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path.size(), 4001U);
}

}  // namespace
}  // namespace spliced::http
