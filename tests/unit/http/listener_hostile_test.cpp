// SPDX-License-Identifier: Apache-2.0
// What clients do that mean harm, or know no better.
#include <latch>

#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::connect_to;
using test::get_text;
using test::parse_reply;
using test::post_text;
using test::receive_all;
using test::Reply;
using test::send_text;

// The request must be answered somehow, and the next one as usual.
class HostileClient : public ListenerTest {
 protected:
  void SetUp() override { serve(); }
  void expect_alive() { EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x"); }
};

TEST_F(HostileClient, BodyOverTheLimitIs413AndTheAnswerArrives) {
  refuse(413, post_text("/echo", std::string((1 << 20) + 1, 'b')));
  refuse(413, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\nx");
  EXPECT_EQ(echoes_, 0);
  expect_alive();
}

TEST_F(HostileClient, ChunkedBodyIs411) {
  refuse(411, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(echoes_, 0);
}

TEST_F(HostileClient, CompressedAndMultipartBodiesAre415) {
  refuse(415, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
  refuse(415,
         "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: "
         "3\r\n\r\nabc");
}

TEST_F(HostileClient, OverlappingRangesAreRefused) {
  std::string ranges = "bytes=0-";
  for (int i = 0; i < 100; ++i) ranges += ",0-99999";
  const Reply reply = refuse(400, get_text("/long", "Range: " + ranges + "\r\n"));
  EXPECT_LT(reply.body.size(), 10'000U);
}

TEST_F(HostileClient, VeryLongRangeHeaderIsSurvived) {
  for (const std::size_t bytes : {20'000U, 60'000U}) {
    std::string ranges;
    while (ranges.size() < bytes) ranges += "0-1,";
    refuse(bytes < 32 * 1024 ? 400 : 431, get_text("/long", "Range: bytes=" + ranges + "0-1\r\n"));
  }
  expect_alive();
}

// Of the fields behind a lone line feed the guard sees nothing, and the HTTP library all.
TEST_F(HostileClient, LineFeedAloneHidesNoRange) {
  refuse(400, get_text("/long", "X: a\nRange: bytes=0-1\r\n"));
  std::string ranges = "0-99999";
  for (int i = 0; i < 900; ++i) ranges += ",0-99999";
  const Reply reply = refuse(400, get_text("/long", "X: a\nRange: bytes=" + ranges + "\r\n"));
  EXPECT_LT(reply.body.size(), 1'000'000U);
}

TEST_F(HostileClient, PercentSignsHideNoMultipart) {
  std::string part =
      "--x\r\nContent-Disposition: form-data; name=\"" + std::string(1'000, 'a') + "\"\r\n\r\nv\r\n--x--\r\n";
  refuse(
      415,
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart%2Fform-data; boundary=x\r\nContent-Length: " +
          std::to_string(part.size()) + "\r\n\r\n" + part);
  expect_alive();
}

TEST_F(HostileClient, WhatIsNoHttpIs400) {
  for (const char* text : {"GET /hello/x\r\n\r\n", "GET /hello/x HTTP/9.9\r\n\r\n", "\r\r\n\r\n", " \r\n\r\n",
                           "hello\r\n\r\n", "GET /hello/x HTTP/1.1\r\nHost: localhost\r\nno field\r\n\r\n",
                           "GET /hello/x HTTP/1.1\nHost: localhost\n\r\n\r\n"}) {
    refuse(400, text);
  }
  refuse(400, std::string("GET /\0 HTTP/1.1\r\n\r\n", 19));
  refuse(501, "BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n");
  refuse(400, "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n");
  expect_alive();
}

TEST_F(HostileClient, LongRequestLineIs414AndManyFieldsAre431) {
  refuse(414, get_text("/" + std::string(5000, 'a')));
  refuse(404, get_text("/" + std::string(4000, 'a')));
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X-" + std::to_string(i) + ": 1\r\n";
  refuse(431, get_text("/hello/x", fields));
  refuse(431, get_text("/hello/x", "X: " + std::string(40'000, 'a') + "\r\n"));
}

TEST_F(HostileClient, LongQueriesAreSurvived) {
  std::string query;
  while (query.size() < 3900) query += "a=%zz&&=";
  refuse(400, get_text("/hello/x?" + query));
  expect_alive();
}

TEST_F(HostileClient, TwoLengthsAreRefused) {
  refuse(400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_EQ(echoes_, 0);
}

TEST_F(HostileClient, WhatFollowsARequestIsNoFurtherRequest) {
  const std::string second = post_text("/echo", "second");
  for (const std::string& first :
       {get_text("/hello/x"), post_text("/echo", "first"), get_text("/nothing"),
        get_text("/hello/x", "Connection: keep-alive\r\n"), get_text("/hello/x", "Content-Length: 10\r\n"),
        std::string("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n")}) {
    echoes_ = 0;
    const auto fd = connect_to(listener_->address());
    send_text(fd, first + second);
    ::shutdown(fd.get(), SHUT_WR);
    const std::string text = receive_all(fd);
    EXPECT_EQ(text.find("HTTP/1.1 "), text.rfind("HTTP/1.1 ")) << text;
    EXPECT_EQ(echoes_, first.starts_with("POST") ? 1 : 0);
  }
}

TEST_F(HostileClient, HalfABodyAndGoneIsNoRequest) {
  const auto fd = connect_to(listener_->address());
  send_text(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  ::shutdown(fd.get(), SHUT_WR);
  const Reply reply = parse_reply(receive_all(fd));
  EXPECT_GE(reply.status, 400);
  EXPECT_EQ(echoes_, 0);
}

TEST_F(HostileClient, ClientThatLeavesAtOnceIsNoMatter) {
  for (int i = 0; i < 50; ++i) {
    const auto fd = connect_to(listener_->address());
    if (i % 2 == 0) send_text(fd, get_text("/long"));
  }
  expect_alive();
}

TEST_F(HostileClient, StopDoesNotWaitForAHangingClient) {
  const auto silent = connect_to(listener_->address());
  const auto half = connect_to(listener_->address());
  send_text(half, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  const auto greedy = connect_to(listener_->address());
  send_text(greedy, get_text("/long"));  // and reads nothing of it
  expect_alive();
  const util::Nanos begun = util::now();
  EXPECT_TRUE(listener_->stop(10 * util::kSecond));
  EXPECT_LT(util::now() - begun, 3 * util::kSecond);
  EXPECT_EQ(echoes_, 0);
}

TEST_F(ListenerTest, FullQueueIs503AndThoseThatWaitAreServed) {
  std::latch inside{1};
  std::latch leave{1};
  router_.add({"GET", "/block", [&](const Request&) {
                 inside.count_down();
                 leave.wait();
                 return Response{};
               }});
  ListenerConfig config;
  config.threads = 1;
  config.queue_limit = 1;
  serve(config);
  const auto first = connect_to(listener_->address());
  send_text(first, get_text("/block"));
  inside.wait();
  const auto second = connect_to(listener_->address());
  send_text(second, get_text("/hello/second"));
  refuse(503, get_text("/hello/third"));
  leave.count_down();
  EXPECT_EQ(parse_reply(receive_all(first)).status, 200);
  EXPECT_EQ(parse_reply(receive_all(second)).body, "hello second");
  EXPECT_EQ(witness_.wait_for(1).front(), "/hello/{name} GET 503");
}

}  // namespace
}  // namespace spliced::http
