// SPDX-License-Identifier: Apache-2.0
#include "http/head_guard.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spliced::http {
namespace {

std::string with_fields(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

// The status of the refusal; 0 for none.
int check(const std::string& head) {
  const auto refusal = check_head(head);
  if (!refusal) return 0;
  EXPECT_EQ(refusal->content_type, "application/problem+json");
  EXPECT_EQ(nlohmann::json::parse(refusal->body).at("status"), refusal->status);
  return refusal->status;
}
int check_field(const std::string& field) {
  return check(with_fields(field + "\r\n"));
}

// The status of the refusal when `text` comes in pieces of `piece` bytes; 0 for none.
int feed(HeadGuard& guard, std::string_view text, std::size_t piece = 4096) {
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    if (const auto refusal = guard.feed(text.substr(0, piece))) return refusal->status;
  }
  return 0;
}

TEST(CheckHead, LetsOrdinaryRequestsPass) {
  EXPECT_EQ(check(with_fields("")), 0);
  EXPECT_EQ(check(with_fields("Accept: */*\r\nX-Empty:\r\nX-Colons: a:b:c\r\n")), 0);
  EXPECT_EQ(
      check(
          "POST /v1/jobs HTTP/1.1\r\nHost: [::1]:8650\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"),
      0);
}

TEST(CheckHead, RequestLineHasABound) {
  const auto line_of = [](std::size_t bytes) {
    const std::string frame = "GET / HTTP/1.1";
    return "GET /" + std::string(bytes - frame.size(), 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  EXPECT_EQ(check(line_of(kMaxRequestLine)), 0);
  EXPECT_EQ(check(line_of(kMaxRequestLine + 1)), 414);
}

TEST(CheckHead, FieldsHaveABound) {
  std::string fields;
  for (std::size_t i = 1; i < kMaxHeaderFields; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(check(with_fields(fields)), 0);
  EXPECT_EQ(check(with_fields(fields + "X: 1\r\n")), 431);
}

TEST(CheckHead, AHostIsGivenOnceAndIsOne) {
  const auto with_hosts = [](const std::string& fields) { return check("GET / HTTP/1.1\r\n" + fields + "\r\n"); };
  EXPECT_EQ(with_hosts(""), 400);
  EXPECT_EQ(with_hosts("host: a\r\n"), 0);
  EXPECT_EQ(with_hosts("Host: a\r\nHOST: a\r\n"), 400);
  EXPECT_EQ(check("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(check("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  for (const char* host : {"", "localhost:8650", "[::1]", "[fe80::1]:1", "10.0.0.1:", "a-b.example"}) {
    EXPECT_EQ(with_hosts(std::string("Host: ") + host + "\r\n"), 0) << host;
  }
  for (const char* host : {"a b", "a/b", "user@a", "a:b", "a:80:80", "a:123456", "[::1", "[]", "::1", "a,b"}) {
    EXPECT_EQ(with_hosts(std::string("Host: ") + host + "\r\n"), 400) << host;
  }
}

TEST(CheckHead, ARequestLineIsOneMethodOneTargetAndAVersion) {
  const auto line = [](const std::string& text) { return check(text + "\r\nHost: a\r\n\r\n"); };
  for (const char* good : {"GET / HTTP/1.1", "OPTIONS * HTTP/1.1", "HEAD http://a/ HTTP/1.0"})
    EXPECT_EQ(line(good), 0) << good;
  for (const char* bad : {"", "GET", "GET /", "GET  / HTTP/1.1", "GET / x HTTP/1.1", " GET / HTTP/1.1",
                          "GET / HTTP/1.1 ", "GET / HTTP/2", "GET / http/1.1", "G(T / HTTP/1.1", "GET\t/ HTTP/1.1"}) {
    EXPECT_EQ(line(bad), 400) << bad;
  }
  for (const char* unknown : {"BREW / HTTP/1.1", "get / HTTP/1.1", "M-SEARCH * HTTP/1.1"}) {
    EXPECT_EQ(line(unknown), 501) << unknown;
  }
}

TEST(CheckHead, ATargetIsAPathOrAnHttpUrl) {
  const auto target = [](const std::string& text) { return check("GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n"); };
  for (const char* good : {"/", "/a?b=c", "http://a:80/", "http://[::1]", "*"}) EXPECT_EQ(target(good), 0) << good;
  for (const char* bad : {"/a#b", "/\x01", "/\xe4", "/\x7f", "http:///a", "http://u:p@a/", "http://a:99999/"}) {
    EXPECT_EQ(target(bad), 400) << bad;
  }
}

TEST(CheckHead, NamesAreTokensAndValuesHaveNoControlCharacters) {
  for (const char* field : {"X Y: x", "X\xe4: x", "X(: a", "X: \x1b[31m", "X: \x7f", "X: a\x01"}) {
    EXPECT_EQ(check_field(field), 400) << field;
  }
  for (const char* field : {"X: a\tb", "X: \xe4", "X-_.!~: a"}) EXPECT_EQ(check_field(field), 0) << field;
}

TEST(CheckHead, WhoAsksAndWhatComesIsSaidOnce) {
  EXPECT_EQ(check_field("Authorization: a\r\nAuthorization: a"), 400);
  EXPECT_EQ(check_field("Content-Type: a/b\r\nContent-Type: a/b"), 400);
}

TEST(CheckHead, WhatWouldNotBeDoneIsRefused) {
  EXPECT_EQ(check_field("Expect: the unexpected"), 417);
  EXPECT_EQ(check_field("Expect: 100-Continue"), 0);
}

TEST(HeadGuard, AFewEmptyLinesMayComeFirst) {
  for (const std::size_t piece : {1U, 2U, 3U, 4096U}) {
    HeadGuard guard;
    EXPECT_EQ(feed(guard, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", piece), 0) << piece;
    EXPECT_TRUE(guard.is_whole()) << piece;
    EXPECT_EQ(guard.method(), "GET") << piece;
  }
  HeadGuard many;
  EXPECT_EQ(feed(many, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  HeadGuard lone;
  EXPECT_EQ(feed(lone, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(CheckHead, BodyHasABound) {
  EXPECT_EQ(check_field("Content-Length: 0"), 0);
  EXPECT_EQ(check_field("Content-Length: " + std::to_string(kMaxBodyBytes)), 0);
  EXPECT_EQ(check_field("Content-Length: " + std::to_string(kMaxBodyBytes + 1)), 413);
}

TEST(CheckHead, LengthThatOverflowsIsTooLarge) {
  EXPECT_EQ(check_field("Content-Length: 18446744073709551615"), 413);
  EXPECT_EQ(check_field("Content-Length: 18446744073709551616"), 413);
  EXPECT_EQ(check_field("Content-Length: " + std::string(1000, '9')), 413);
}

TEST(CheckHead, LengthMustBeANumber) {
  for (const char* value : {"", "-1", "+1", "1.0", "0x10", "1 2", "1,2", "1,1", "ten", "1%30", "1e3"}) {
    EXPECT_EQ(check_field(std::string("Content-Length: ") + value), 400) << value;
  }
  EXPECT_EQ(check_field("Content-Length: \t 5 "), 0);
}

TEST(CheckHead, LengthIsGivenOnce) {
  EXPECT_EQ(check_field("Content-Length: 5\r\nContent-Length: 6"), 400);
  EXPECT_EQ(check_field("Content-Length: 5\r\ncontent-length: 5"), 400);
}

TEST(CheckHead, BodiesComeWithALengthOnly) {
  EXPECT_EQ(check_field("Transfer-Encoding: chunked"), 411);
  EXPECT_EQ(check_field("transfer-ENCODING:identity"), 411);
  EXPECT_EQ(check_field("Content-Length: 5\r\nTransfer-Encoding: chunked"), 411);
}

TEST(CheckHead, BodiesComeAsTheyAre) {
  EXPECT_EQ(check_field("Content-Encoding: gzip"), 415);
  EXPECT_EQ(check_field("Content-Encoding: br"), 415);
  EXPECT_EQ(check_field("Content-Encoding: identity, gzip"), 415);
  EXPECT_EQ(check_field("Content-Encoding: Identity"), 0);
  EXPECT_EQ(check_field("Accept-Encoding: gzip"), 0);
}

TEST(CheckHead, NoMultipart) {
  EXPECT_EQ(check_field("Content-Type: multipart/form-data; boundary=x"), 415);
  EXPECT_EQ(check_field("content-type:\tMultiPart/mixed"), 415);
  EXPECT_EQ(check_field("Content-Type: text/plain"), 0);  // the routes have their own opinion
}

TEST(CheckHead, NoRanges) {
  EXPECT_EQ(check_field("Range: bytes=0-1"), 400);
  EXPECT_EQ(check_field("RANGE:bytes=0-1"), 400);
  EXPECT_EQ(check_field("If-Range: x"), 0);
}

TEST(CheckHead, NoNulAnywhere) {
  EXPECT_EQ(check(std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)), 400);
  EXPECT_EQ(check_field(std::string("X: a\0b", 6)), 400);
  EXPECT_EQ(check_field(std::string("X\0: a", 5)), 400);
}

TEST(CheckHead, FieldsAreNamesAndValues) {
  for (const char* field : {"nothing", ": value", " X: folded", "\tX: folded", "X : space", "GET / HTTP/1.1"}) {
    EXPECT_EQ(check_field(field), 400) << field;
  }
  EXPECT_EQ(check_field("X: 1\r\n folded onto it"), 400);
}

// The HTTP library takes a line feed for the end of a line and reads on with the next field.
TEST(CheckHead, LineFeedAloneHidesNoField) {
  EXPECT_EQ(check_field("X: a\nRange: bytes=0-1"), 400);
  EXPECT_EQ(check_field("X: a\nTransfer-Encoding: chunked"), 400);
  EXPECT_EQ(check_field("X: a\nContent-Length: 9"), 400);
}

// The HTTP library decodes %xx in the values of fields.
TEST(CheckHead, PercentSignsHideNoMultipart) {
  EXPECT_EQ(check_field("Content-Type: multipart%2Fform-data; boundary=x"), 415);
  EXPECT_EQ(check_field("Content-Type: %6dultipart/form-data; boundary=x"), 415);
}

TEST(HeadGuard, TakesARequestHoweverItComes) {
  const std::string text = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    HeadGuard guard;
    EXPECT_EQ(feed(guard, text, piece), 0);
    EXPECT_TRUE(guard.is_whole()) << piece;
    EXPECT_EQ(guard.method(), "POST");
    EXPECT_TRUE(guard.head().ends_with("4\r\n\r\n")) << piece;
    EXPECT_EQ(guard.take_body(), "body");
    EXPECT_TRUE(guard.empty());
  }
}

TEST(HeadGuard, KnowsWhatIsMissing) {
  HeadGuard guard;
  EXPECT_TRUE(guard.empty());
  EXPECT_EQ(feed(guard, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r"), 0);
  EXPECT_FALSE(guard.has_head());
  EXPECT_FALSE(guard.is_whole());
  EXPECT_EQ(feed(guard, "\n"), 0);
  EXPECT_TRUE(guard.has_head());
  EXPECT_EQ(guard.missing(), 4U);
  EXPECT_EQ(feed(guard, "bod"), 0);
  EXPECT_FALSE(guard.is_whole());
  EXPECT_EQ(feed(guard, "y"), 0);
  EXPECT_TRUE(guard.is_whole());
}

TEST(HeadGuard, WhatFollowsTheBodyIsNotPartOfIt) {
  HeadGuard guard;
  EXPECT_EQ(
      feed(guard, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nbodyGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
  EXPECT_EQ(guard.take_body(), "bo");
}

TEST(HeadGuard, WithoutALengthThereIsNoBody) {
  HeadGuard guard;
  EXPECT_EQ(feed(guard, "POST /x HTTP/1.1\r\nHost: x\r\n\r\nbody"), 0);
  EXPECT_TRUE(guard.is_whole());
  EXPECT_EQ(guard.take_body(), "");
}

TEST(HeadGuard, KnowsWhoWaitsForAWord) {
  const auto expects = [](const std::string& fields) {
    HeadGuard guard;
    EXPECT_EQ(feed(guard, with_fields(fields)), 0);
    return guard.expects_continue();
  };
  EXPECT_TRUE(expects("Expect: 100-continue\r\n"));
  EXPECT_TRUE(expects("expect:100-Continue\r\n"));
  EXPECT_FALSE(expects(""));
}

TEST(HeadGuard, HeadHasABound) {
  const std::string start = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  for (const std::size_t bytes : {kMaxHeadBytes, kMaxHeadBytes + 1}) {
    HeadGuard guard;
    EXPECT_EQ(feed(guard, start + std::string(bytes - start.size() - 4, 'a') + "\r\n\r\n"),
              bytes == kMaxHeadBytes ? 0 : 431);
  }
}

TEST(HeadGuard, EndlessRequestLineIsCutOff) {
  HeadGuard guard;
  EXPECT_EQ(feed(guard, "GET /" + std::string(2 * kMaxRequestLine, 'a')), 414);
  EXPECT_LE(guard.size(), 3 * kMaxRequestLine);
}

TEST(HeadGuard, EndlessFieldsAreCutOff) {
  HeadGuard guard;
  EXPECT_EQ(feed(guard, "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(60'000, 'a')), 431);
  EXPECT_LE(guard.size(), kMaxHeadBytes + 4096);
}

TEST(HeadGuard, MethodForTheMetricsIsShort) {
  HeadGuard guard;
  EXPECT_EQ(feed(guard, std::string(1000, 'M') + " / HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
  EXPECT_LE(guard.method().size(), 16U);
}

TEST(HeadGuard, RefusesWhatTheHeadSays) {
  HeadGuard guard;
  EXPECT_EQ(feed(guard, with_fields("Range: bytes=0-0\r\n")), 400);
}

}  // namespace
}  // namespace spliced::http
