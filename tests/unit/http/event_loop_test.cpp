// SPDX-License-Identifier: Apache-2.0
// Crowds of clients, and what they may hold together.
#include "http/event_loop.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <future>
#include <thread>

#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::connect_to;
using test::get_text;
using test::parse_reply;
using test::post_text;
using test::receive_all;
using test::send_text;

constexpr int kCrowd = 200;
constexpr util::Nanos kAtOnce = util::kSecond / 10;

class EventLoopTest : public ListenerTest {
 protected:
  void SetUp() override {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit wide = before_;
    wide.rlim_cur = std::min<rlim_t>(wide.rlim_max, 8192);
    ::setrlimit(RLIMIT_NOFILE, &wide);
  }
  void TearDown() override {
    crowd_.clear();
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  // Clients that send `text` and then nothing.
  void gather(const std::string& text, int count = kCrowd) {
    for (int i = 0; i < count; ++i) {
      crowd_.push_back(connect_to(listener_->address()));
      ASSERT_TRUE(crowd_.back()) << i;
      send_text(crowd_.back(), text);
    }
  }
  // The best of a few: the machine may have other things to do.
  void expect_prompt_answers() {
    util::Nanos best = kAtOnce;
    for (int i = 0; i < 5; ++i) {
      const util::Nanos begun = util::now();
      EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x");
      best = std::min(best, util::now() - begun);
    }
    EXPECT_LT(best, kAtOnce);
  }
  static ListenerConfig small_one() {
    ListenerConfig config;
    config.threads = 2;
    config.queue_limit = 4;
    return config;
  }

  rlimit before_{};
  std::vector<util::UniqueFd> crowd_;
};

TEST_F(EventLoopTest, IdleConnectionsHoldNobodyUp) {
  serve(small_one());
  gather("");
  expect_prompt_answers();
}

TEST_F(EventLoopTest, HalfAHeadAndHalfABodyHoldNobodyUp) {
  serve(small_one());
  gather("GET /hello/x HTTP/1.1\r\nHost: localhost\r\nHo");
  gather("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  expect_prompt_answers();
  for (const auto& client : crowd_) send_text(client, "s");  // a byte now and then changes nothing
  expect_prompt_answers();
  EXPECT_EQ(echoes_, 0);
}

TEST_F(EventLoopTest, ThoseThatDoNotReadHoldNobodyUp) {
  router_.add({"GET", "/much", [](const Request&) {
                 Response response;
                 response.body = std::string(1 << 20, 'x');
                 return response;
               }});
  ListenerConfig config = small_one();
  config.queue_limit = kCrowd;
  serve(config);
  gather(get_text("/much"));
  expect_prompt_answers();
}

TEST_F(EventLoopTest, RequestIsEndedInItsTimeHoweverItDrips) {
  ListenerConfig config;
  config.limits.request_time = util::kSecond;
  serve(config);
  const auto silent = connect_to(listener_->address());
  const util::Nanos begun = util::now();  // its time begins when it connects
  const auto client = connect_to(listener_->address());
  std::string text;
  for (int i = 0; i < 200 && text.empty(); ++i) {
    send_text(client, i == 0 ? "GET /" : "x");
    pollfd wait{client.get(), POLLIN, 0};
    if (::poll(&wait, 1, 50) > 0) text = receive_all(client);
  }
  EXPECT_EQ(parse_reply(text).status, 408);
  EXPECT_NE(text.find("urn:spliced:problem:timeout\""), text.npos) << text;
  EXPECT_GE(util::now() - begun, config.limits.request_time);
  EXPECT_LT(util::now() - begun, 5 * util::kSecond);
  EXPECT_EQ(receive_all(silent), "");
  EXPECT_EQ(witness_.wait_for(1), std::vector<std::string>{"none GET 408"});
}

TEST_F(EventLoopTest, ReaderThatTakesNothingIsLetGo) {
  router_.add({"GET", "/much", [](const Request&) {
                 Response response;
                 response.body = std::string(8 << 20, 'x');
                 return response;
               }});
  ListenerConfig config;
  config.limits.response_time = util::kSecond / 5;
  serve(config);
  const auto client = connect_to(listener_->address());
  send_text(client, get_text("/much"));
  EXPECT_EQ(witness_.wait_for(1), std::vector<std::string>{"/much GET 200"});
  EXPECT_LT(receive_all(client).size(), 8U << 20);
}

// Those that send nothing go first, then those whose request is not there; never one that is served.
TEST_F(EventLoopTest, NewcomersTakeThePlacesOfTheSilent) {
  ListenerConfig config;
  config.limits.connections = 4;
  serve(config);
  gather("", 3);
  gather("GET", 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x");
    EXPECT_EQ(receive_all(crowd_[0]), "");  // the oldest
    crowd_.erase(crowd_.begin());
    gather("", 1);
  }
  send_text(crowd_[0], get_text("/hello/x").substr(3));
  EXPECT_EQ(parse_reply(receive_all(crowd_[0])).status, 200);
}

TEST_F(EventLoopTest, DawdlersAreToldToComeAgainWhenAllPlacesAreTaken) {
  ListenerConfig config;
  config.limits.connections = 4;
  serve(config);
  gather("GET /hel", 4);
  EXPECT_EQ(ask(get_text("/hello/x")).body, "hello x");
  const auto reply = parse_reply(receive_all(crowd_[0]));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("retry-after"), "1");
}

// Whoever is turned away may still be about to send: it finds the answer, not a broken pipe.
TEST_F(EventLoopTest, WhoIsTurnedAwayCanStillSendAndIsAnswered) {
  std::promise<void> release;
  std::atomic<int> handled{0};
  router_.add({"GET", "/wait", [&handled, done = release.get_future().share()](const Request&) {
                 ++handled;
                 done.wait();
                 return Response{};
               }});
  ListenerConfig config;
  config.limits.connections = 2;
  serve(config);
  gather(get_text("/wait"), 2);
  for (int i = 0; i < 10'000 && handled < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(handled, 2);
  for (int i = 0; i < 3; ++i) {
    const auto late = connect_to(listener_->address());
    pollfd answered{late.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&answered, 1, 10'000), 1);
    const std::string text = get_text("/hello/x");
    EXPECT_EQ(::send(late.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    const std::string reply = receive_all(late);
    EXPECT_EQ(parse_reply(reply).status, 503);
    EXPECT_NE(reply.find("urn:spliced:problem:overloaded\""), reply.npos);
  }
  release.set_value();
  for (const auto& served : crowd_) EXPECT_EQ(parse_reply(receive_all(served)).status, 200);
}

TEST_F(EventLoopTest, PartsOfRequestsHaveABoundThatTheLargestPays) {
  ListenerConfig config;
  config.limits.partial_bytes = 1'000'000;
  serve(config);
  const std::string large = post_text("/echo", std::string(900'000, 'b'));
  const auto first = connect_to(listener_->address());
  send_text(first, large.substr(0, 500'000));
  const auto second = connect_to(listener_->address());
  send_text(second, large.substr(0, 600'000));
  EXPECT_EQ(parse_reply(receive_all(second)).status, 503);
  EXPECT_EQ(ask(post_text("/echo", "small")).status, 201);
  send_text(first, large.substr(500'000));
  EXPECT_EQ(parse_reply(receive_all(first)).status, 201);
}

TEST_F(EventLoopTest, UnsentAnswersHaveABound) {
  router_.add({"GET", "/much", [](const Request&) {
                 Response response;
                 response.body = std::string(4 << 20, 'x');
                 return response;
               }});
  ListenerConfig config;
  config.limits.unsent_bytes = 6 << 20;
  serve(config);
  const auto first = connect_to(listener_->address());
  send_text(first, get_text("/much"));
  EXPECT_EQ(test::receive_bytes(first, 9), "HTTP/1.1 ");
  EXPECT_EQ(ask(get_text("/much")).status, 503);
  EXPECT_EQ(ask(get_text("/hello/x")).status, 200);
  EXPECT_GT(receive_all(first).size(), 4U << 20);
  EXPECT_EQ(ask(get_text("/much")).status, 200);
}

class CountingLog final : public util::Logger {
 public:
  std::atomic<int> lines{0};

 protected:
  void write(util::LogLevel, std::string_view message, std::span<const util::LogField>) override {
    EXPECT_NE(message.find("Too many open files"), message.npos) << message;
    ++lines;
  }
};

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

TEST_F(EventLoopTest, WithoutDescriptorsItWaitsAndSaysSoOnce) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer itself needs a pipe to see what an object is";
#endif
  CountingLog log;
  ListenerConfig config;
  config.name = "test";
  config.address = unix_address(dir_);
  auto listener = Listener::open(config, router_, witness_, log);
  ASSERT_TRUE(listener);
  const util::UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit narrow = before_;
  narrow.rlim_cur = static_cast<rlim_t>(client.get());  // none is left
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
  const sockaddr_un name = test::unix_name(dir_ / "s.sock");
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  send_text(client, get_text("/hello/late"));
  EXPECT_TRUE(test::await([&] { return log.lines > 0; }));
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(cpu_seconds() - before, 0.2);
  EXPECT_EQ(log.lines, 1);
  rlimit wide = before_;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &wide), 0);
  EXPECT_EQ(parse_reply(receive_all(client)).body, "hello late");
  EXPECT_TRUE((*listener)->stop(10 * util::kSecond));
}

}  // namespace
}  // namespace spliced::http
