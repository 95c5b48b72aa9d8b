// SPDX-License-Identifier: Apache-2.0
#include "http/answer.h"

#include <gtest/gtest.h>

namespace spliced::http {
namespace {

Response with_body(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

Response streamed(std::string first) {
  Response response = with_body(std::move(first));
  response.more = [](std::string&) { return false; };
  return response;
}

const AnswerForm kOld{false, true};
const AnswerForm kHead{true, false};

TEST(Answer, HasALengthAndEndsTheConnection) {
  EXPECT_EQ(serialize(with_body("abc"), {}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
}

TEST(Answer, ToHeadHasTheLengthAndNoBody) {
  const std::string text = serialize(with_body("abc"), kHead);
  EXPECT_NE(text.find("Content-Length: 3\r\n"), text.npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(Answer, NoContentHasNeitherBodyNorLength) {
  Response response;
  response.status = 204;
  const std::string text = serialize(response, {});
  EXPECT_EQ(text, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST(Answer, LineEndsInAFieldMakeNoFurtherField) {
  Response response;
  response.headers = {{"Location", "/a\r\nX-Evil: 1"}, {"Allow", "GET"}};
  const std::string text = serialize(response, {});
  EXPECT_EQ(text.find("Evil"), text.npos);
  EXPECT_NE(text.find("Allow: GET\r\n"), text.npos);
}

TEST(Answer, StreamsInChunks) {
  const std::string text = serialize(streamed("0123456789abcdef"), {});
  EXPECT_NE(text.find("Transfer-Encoding: chunked\r\n"), text.npos);
  EXPECT_EQ(text.find("Content-Length"), text.npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n10\r\n0123456789abcdef\r\n")) << text;
  EXPECT_EQ(frame("xyz", {}), "3\r\nxyz\r\n");
  EXPECT_EQ(final_frame({}), "0\r\n\r\n");
}

TEST(Answer, EmptyPieceIsNotTheLastChunk) {
  EXPECT_EQ(frame("", {}), "");
  EXPECT_TRUE(serialize(streamed(""), {}).ends_with("close\r\n\r\n"));
}

TEST(Answer, StreamsToOldClientsUntilTheEnd) {
  const std::string text = serialize(streamed("one"), kOld);
  EXPECT_EQ(text.find("Transfer-Encoding"), text.npos);
  EXPECT_EQ(text.find("Content-Length"), text.npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\none"));
  EXPECT_EQ(frame("two", kOld), "two");
  EXPECT_EQ(final_frame(kOld), "");
}

TEST(Answer, StreamToHeadIsItsFieldsOnly) {
  const std::string text = serialize(streamed("one"), kHead);
  EXPECT_NE(text.find("Transfer-Encoding: chunked\r\n"), text.npos);
  EXPECT_TRUE(text.ends_with("close\r\n\r\n"));
}

TEST(Answer, LabelsAreKnownMethods) {
  EXPECT_EQ(method_label("DELETE"), "DELETE");
  EXPECT_EQ(method_label("BREW"), "other");
  EXPECT_EQ(method_label("get"), "other");
}

}  // namespace
}  // namespace spliced::http
