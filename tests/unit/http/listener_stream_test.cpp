// SPDX-License-Identifier: Apache-2.0
// Answers that are longer than what may be held in memory.
#include <latch>

#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::connect_to;
using test::get_text;
using test::receive_all;
using test::Reply;
using test::send_text;

// The body of a chunked answer; "broken" unless it ends as it should.
std::string unchunk(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t size = std::strtoul(std::string(text.substr(0, 16)).c_str(), nullptr, 16);
    const std::size_t begin = text.find("\r\n");
    if (begin == text.npos || text.size() < begin + 4 + size) return "broken";
    if (text.substr(begin + 2 + size, 2) != "\r\n") return "broken";
    if (size == 0) return text.size() == begin + 4 ? out : "broken";
    out += text.substr(begin + 2, size);
    text.remove_prefix(begin + 4 + size);
  }
}

// What becomes of a stream.
struct Traces {
  std::atomic<int> pieces{0};
  std::atomic<int> alive{0};
  std::atomic<bool> together{false};  // two calls at the same time
  std::atomic<int> inside{0};
  std::thread::id destroyed_by;
};

class Pieces {
 public:
  Pieces(Traces& traces, int count, std::size_t bytes) : traces_(traces), count_(count), bytes_(bytes) {
    ++traces_.alive;
  }
  ~Pieces() {
    traces_.destroyed_by = std::this_thread::get_id();
    --traces_.alive;
  }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  bool next(std::string& out) {
    if (traces_.inside++ != 0) traces_.together = true;
    const int number = ++traces_.pieces;
    out.append(bytes_, static_cast<char>('a' + number % 26));
    --traces_.inside;
    return number < count_;
  }

 private:
  Traces& traces_;
  const int count_;
  const std::size_t bytes_;
};

class ListenerStreamTest : public ListenerTest {
 protected:
  void stream(int count, std::size_t bytes, const std::string& first = "") {
    router_.add({"GET", "/stream", [this, count, bytes, first](const Request&) {
                   Response response;
                   response.body = first;
                   auto pieces = std::make_shared<Pieces>(traces_, count, bytes);
                   response.more = [pieces](std::string& out) { return pieces->next(out); };
                   return response;
                 }});
  }
  void expect_destroyed_by_the_pool() {
    EXPECT_TRUE(test::await([&] { return traces_.alive == 0; }));
    EXPECT_NE(traces_.destroyed_by, std::this_thread::get_id());
  }

  Traces traces_;
};

TEST_F(ListenerStreamTest, ComesWholeInChunks) {
  stream(200, 100'000, "first");
  serve();
  const Reply reply = ask(get_text("/stream"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("transfer-encoding"), "chunked");
  EXPECT_EQ(reply.header("content-length"), "");
  const std::string body = unchunk(reply.body);
  EXPECT_EQ(body.size(), 5 + 200 * 100'000U);
  EXPECT_TRUE(body.starts_with("firstbbb"));
  EXPECT_FALSE(traces_.together);
  expect_destroyed_by_the_pool();
  EXPECT_EQ(witness_.wait_for(1), std::vector<std::string>{"/stream GET 200"});
}

TEST_F(ListenerStreamTest, OldClientsGetItPlain) {
  stream(3, 1000);
  serve();
  const Reply reply = ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reply.header("transfer-encoding"), "");
  EXPECT_EQ(reply.body, std::string(1000, 'b') + std::string(1000, 'c') + std::string(1000, 'd'));
}

TEST_F(ListenerStreamTest, HeadMakesNoPiece) {
  stream(3, 1000);
  serve();
  const Reply reply = ask("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
  expect_destroyed_by_the_pool();
  EXPECT_EQ(traces_.pieces, 0);
}

TEST_F(ListenerStreamTest, EmptyPiecesEndNothing) {
  stream(5, 0, "all");
  serve();
  EXPECT_EQ(unchunk(ask(get_text("/stream")).body), "all");
  EXPECT_EQ(traces_.pieces, 5);
}

TEST_F(ListenerStreamTest, NoMoreIsMadeThanTheClientTakes) {
  stream(1 << 20, kMaxPieceBytes);
  ListenerConfig config;
  config.threads = 1;
  serve(config);
  const auto client = connect_to(listener_->address());
  send_text(client, get_text("/stream"));
  EXPECT_TRUE(test::await([&] { return traces_.pieces > 0; }));
  int seen = 0;
  EXPECT_TRUE(test::await([&] { return std::exchange(seen, traces_.pieces.load()) == traces_.pieces; }));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x");  // it holds no thread
  EXPECT_LT(traces_.pieces, 16);
}

TEST_F(ListenerStreamTest, EndsWithItsClient) {
  stream(1 << 20, 10'000);
  serve();
  {
    const auto client = connect_to(listener_->address());
    send_text(client, get_text("/stream"));
    EXPECT_TRUE(test::await([&] { return traces_.pieces > 0; }));
  }
  expect_destroyed_by_the_pool();
  EXPECT_EQ(witness_.wait_for(1), std::vector<std::string>{"/stream GET 200"});
}

TEST_F(ListenerStreamTest, EndsWhenTheClientTakesNothingForLong) {
  stream(1 << 20, 100'000);
  ListenerConfig config;
  config.limits.response_time = util::kSecond / 5;
  serve(config);
  const auto client = connect_to(listener_->address());
  send_text(client, get_text("/stream"));
  EXPECT_TRUE(test::await([&] { return traces_.pieces > 0; }));
  expect_destroyed_by_the_pool();
}

TEST_F(ListenerStreamTest, ThrowCutsItOff) {
  router_.add({"GET", "/breaks", [](const Request&) {
                 Response response;
                 response.more = [](std::string& out) -> bool {
                   out = "half";
                   throw std::runtime_error("no more");
                 };
                 return response;
               }});
  serve();
  const Reply reply = ask(get_text("/breaks"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(unchunk(reply.body), "broken");
  EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x");
}

// Also when a piece comes after the stop, and many more would.
TEST_F(ListenerStreamTest, StopEndsIt) {
  router_.add({"GET", "/stream", [this](const Request&) {
                 Response response;
                 response.more = [this](std::string& out) {
                   if (++traces_.pieces == 1) {
                     EXPECT_TRUE(test::await([&] { return !listener_->running(); }));
                     std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until the loop knows it too
                   }
                   out = std::string(100'000, 'x');
                   return true;
                 };
                 return response;
               }});
  serve();
  const auto client = connect_to(listener_->address());
  send_text(client, get_text("/stream"));
  EXPECT_TRUE(test::await([&] { return traces_.pieces > 0; }));
  std::jthread reader([&] { receive_all(client); });
  const util::Nanos begun = util::system_clock().now();
  EXPECT_TRUE(listener_->stop(10 * util::kSecond));
  EXPECT_LT(util::system_clock().now() - begun, 3 * util::kSecond);
}

}  // namespace
}  // namespace spliced::http
