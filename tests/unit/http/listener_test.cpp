// SPDX-License-Identifier: Apache-2.0
// What a well-behaved client sees.
#include <sys/stat.h>

#include <fstream>
#include <latch>

#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::get_text;
using test::post_text;
using test::Reply;

TEST_F(ListenerTest, AnswersGetOnAUnixSocket) {
  serve();
  EXPECT_TRUE(listener_->running());
  const Reply reply = ask(get_text("/hello/world?mark=%21"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-type"), "application/json");
  EXPECT_EQ(reply.header("connection"), "close");
  EXPECT_EQ(reply.body, "hello world!");
  EXPECT_EQ(reply.header("content-length"), std::to_string(reply.body.size()));
}

TEST_F(ListenerTest, AnswersPostWithStatusAndHeadersOfTheHandler) {
  serve();
  const Reply reply = ask(post_text("/echo", "{\"a\": 1}"));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.header("location"), "/echo/1");
  EXPECT_EQ(reply.body, "application/json|{\"a\": 1}");
}

TEST_F(ListenerTest, ServesTcpOnAFreePort) {
  auto listener = open({tcp_address(), "test", 2, 4, "", {}});
  ASSERT_TRUE(listener) << listener.error().message;
  const Address address = (*listener)->address();
  EXPECT_GT(address.port, 0);
  EXPECT_EQ(test::exchange(address, get_text("/hello/tcp")).body, "hello tcp");
  EXPECT_EQ(test::exchange(address, post_text("/echo", "x")).status, 201);
  EXPECT_TRUE((*listener)->stop(util::kSecond));
  EXPECT_FALSE(test::connect_to(address));
}

TEST_F(ListenerTest, BodyMayBeAsLargeAsTheLimit) {
  serve();
  const std::string body(1 << 20, 'b');
  const Reply reply = ask(post_text("/echo", body));
  EXPECT_EQ(reply.status, 201);
  EXPECT_TRUE(reply.body == "application/json|" + body);
}

TEST_F(ListenerTest, EmptyAndBinaryBodiesArrive) {
  serve();
  EXPECT_EQ(ask(post_text("/echo", "")).body, "application/json|");
  const std::string binary("\0\r\n\r\n\xff", 6);
  EXPECT_EQ(ask(post_text("/echo", binary)).body, "application/json|" + binary);
}

TEST_F(ListenerTest, HeadHasTheHeadersOfGetAndNoBody) {
  serve();
  const Reply reply = ask("HEAD /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-length"), "100000");
  EXPECT_EQ(reply.body, "");
}

TEST_F(ListenerTest, NoContentHasNoBody) {
  serve();
  const Reply reply = ask("DELETE /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.body, "");
}

TEST_F(ListenerTest, UnknownPathIs404AndUnknownMethodThereIs405) {
  serve();
  refuse(404, get_text("/nothing"));
  EXPECT_EQ(refuse(405, get_text("/echo")).header("allow"), "DELETE, POST");
  EXPECT_EQ(refuse(405, "PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab").header("allow"),
            "DELETE, POST");
  EXPECT_EQ(refuse(405, "PATCH /throws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").header("allow"),
            "GET, HEAD");
  EXPECT_EQ(refuse(405, "TRACE /long HTTP/1.1\r\nHost: localhost\r\n\r\n").header("allow"), "GET, HEAD");
  refuse(405, "OPTIONS /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

TEST_F(ListenerTest, PathsAreDecodedOnceAndQuotedSafely) {
  serve();
  EXPECT_EQ(ask(get_text("/hello/a%20b")).body, "hello a b");
  EXPECT_EQ(ask(get_text("/hello/%2541")).body, "hello %41");
  refuse(404, get_text("/hello/a%2Fb"));
  const Reply reply = refuse(404, get_text("/%0d%0aX-Evil:%201/%ff%00"));
  EXPECT_EQ(reply.header("x-evil"), "");
}

// DNS rebinding: a page whose name leads to 127.0.0.1 may send what it likes, but not under another name.
TEST_F(ListenerTest, OnLoopbackAnotherNameIsRefused) {
  serve_tcp();
  const auto with_host = [](const std::string& host) { return "GET /hello/x HTTP/1.1\r\nHost: " + host + "\r\n\r\n"; };
  for (const char* own : {"localhost", "127.0.0.1:9", "[::1]:9650", "LOCALHOST:1"}) {
    EXPECT_EQ(ask(with_host(own)).status, 200) << own;
  }
  for (const char* other : {"evil.example", "evil.example:8650", "10.0.0.1"}) refuse(421, with_host(other));
  refuse(421, "GET http://evil.example/hello/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(ask("GET http://localhost/hello/x HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
  EXPECT_EQ(ask("GET /hello/x HTTP/1.0\r\n\r\n").status, 200);
}

TEST_F(ListenerTest, AQueryThatNobodyReadsIsRefused) {
  serve();
  for (const char* query : {"?x", "?x=1", "?wait=1s", "?mark=1&mark=2"})
    refuse(400, get_text(std::string("/hello/x") + query));
  EXPECT_EQ(ask(get_text("/hello/x?")).status, 200);
}

TEST_F(ListenerTest, KnowsWhoAsks) {
  serve();
  EXPECT_EQ(ask(get_text("/hello/you")).header("peer"),
            "uid " + std::to_string(::getuid()) + ", pid " + std::to_string(::getpid()));
  serve_tcp();
  EXPECT_TRUE(ask(get_text("/hello/you")).header("peer").starts_with("127.0.0.1:"));
}

TEST_F(ListenerTest, TellsOfEveryRequestByRoute) {
  serve();
  ask(get_text("/hello/you"));
  ask(get_text("/nothing"));
  ask("BREW /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ask(get_text("/long", "Range: bytes=0-1\r\n"));
  EXPECT_EQ(witness_.wait_for(4),
            (std::vector<std::string>{"/hello/{name} GET 200", "none GET 404", "none other 501", "none GET 400"}));
}

TEST_F(ListenerTest, HandlerThatThrowsIs500WithoutItsText) {
  serve();
  const Reply reply = refuse(500, get_text("/throws"));
  EXPECT_EQ(reply.head.find("secret"), std::string::npos) << reply.head;
  EXPECT_EQ(reply.body.find("secret"), std::string::npos) << reply.body;
  EXPECT_EQ(ask(get_text("/hello/again")).status, 200);
  EXPECT_EQ(witness_.wait_for(1).front(), "/throws GET 500");
}

TEST_F(ListenerTest, AuthorizationOpensTheDoor) {
  ListenerConfig config;
  config.admit = test::wants_the_right_token;
  serve(config);
  for (const char* header : {"", "Authorization: Bearer wrong\r\n", "Authorization: right\r\n", "Authorization:\r\n"}) {
    EXPECT_EQ(refuse(401, get_text("/hello/x", header)).header("www-authenticate"), "Bearer") << header;
  }
  EXPECT_EQ(ask(get_text("/hello/x", "Authorization: Bearer right\r\n")).status, 200);
  EXPECT_EQ(ask(get_text("/hello/x", "authorization:Bearer right\r\n")).status, 200);
}

TEST_F(ListenerTest, WhoIsKnownMayDoWhatTheirScopeSays) {
  router_.add({"POST",
               "/run",
               [](const Request& request) {
                 Response response;
                 response.body = request.who.name;
                 return response;
               },
               {},
               false,
               false,
               access::Scope::run});
  access::Scope scope = access::Scope::none;
  ListenerConfig config;
  config.admit = [&](const access::Credentials& shown) -> access::Admission {
    EXPECT_TRUE(shown.local);
    EXPECT_EQ(shown.local->uid, ::getuid());
    EXPECT_EQ(shown.local->pid, ::getpid());
    if (scope == access::Scope::none) return tl::unexpected(access::Denial{true, "not you"});
    return access::Principal{"somebody", scope};
  };
  serve(config);
  const std::string run = post_text("/run", "");
  EXPECT_NE(refuse(403, run).body.find("not you"), std::string::npos);
  EXPECT_EQ(refuse(403, get_text("/hello/x")).header("www-authenticate"), "");
  refuse(403, get_text("/nothing"));
  scope = access::Scope::read;
  EXPECT_EQ(ask(get_text("/hello/x")).status, 200);
  EXPECT_NE(refuse(403, run).body.find("POST /run needs the scope run; somebody has read"), std::string::npos);
  scope = access::Scope::run;
  EXPECT_EQ(ask(run).body, "somebody");
}

TEST_F(ListenerTest, WithoutAuthorizationNothingIsToldOfThePaths) {
  ListenerConfig config;
  config.admit = [](const access::Credentials&) -> access::Admission {
    return tl::unexpected(access::Denial{false, "nobody comes in"});
  };
  serve(config);
  refuse(401, get_text("/nothing"));
  refuse(401, post_text("/echo", "data"));
  EXPECT_EQ(echoes_, 0);
}

TEST_F(ListenerTest, PortThatIsTakenIsNamed) {
  // A socket that listens itself: the library's own listeners share their ports.
  const util::UniqueFd other(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  ASSERT_EQ(::getsockname(other.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  Address address = tcp_address();
  address.port = ntohs(name.sin_port);
  const auto listener = open({address, "test", 1, 1, "", {}});
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message.find(address.text()), std::string::npos);
}

// Two daemons on one port would each get half of the clients.
TEST_F(ListenerTest, PortOfAnotherListenerIsTaken) {
  auto first = open({tcp_address(), "first", 1, 1, "", {}});
  ASSERT_TRUE(first);
  EXPECT_FALSE(open({(*first)->address(), "second", 1, 1, "", {}}));
}

TEST_F(ListenerTest, StopRemovesTheSocketAndMayBeRepeated) {
  serve();
  EXPECT_TRUE(listener_->stop(util::kSecond));
  EXPECT_FALSE(listener_->running());
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.sock"));
  EXPECT_TRUE(listener_->stop(util::kSecond));
}

TEST_F(ListenerTest, BeginningToStopRemovesTheSocketAndRefusesClients) {
  auto opened = open({tcp_address(), "test", 2, 4, "", {}});
  ASSERT_TRUE(opened);
  const Address address = (*opened)->address();
  (*opened)->begin_stop();
  EXPECT_TRUE(test::await([&] { return !test::connect_to(address); }));
  serve();
  listener_->begin_stop();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.sock"));
}

// A handler that hangs keeps neither its client nor the socket, and the stop has its bound.
TEST_F(ListenerTest, StopLeavesAHandlerThatHangsBehind) {
  std::latch inside{1}, leave{1};
  router_.add({"GET", "/block", [&](const Request&) {
                 inside.count_down();
                 leave.wait();
                 return Response{};
               }});
  serve();
  const auto client = test::connect_to(listener_->address());
  test::send_text(client, get_text("/block"));
  inside.wait();
  const util::Nanos begun = util::system_clock().now();
  EXPECT_FALSE(listener_->stop(util::kSecond / 5));
  EXPECT_LT(util::system_clock().now() - begun, 2 * util::kSecond);
  EXPECT_EQ(test::receive_all(client), "");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.sock"));
  leave.count_down();
  EXPECT_TRUE(listener_->stop(10 * util::kSecond));
}

TEST_F(ListenerTest, StopWaitsForTheAnswerThatIsBeingMade) {
  std::latch inside{1};
  router_.add({"GET", "/slow", [&](const Request&) {
                 inside.count_down();
                 EXPECT_TRUE(test::await([&] { return !listener_->running(); }));
                 Response response;
                 response.body = "done";
                 return response;
               }});
  serve();
  const auto client = test::connect_to(listener_->address());
  test::send_text(client, get_text("/slow"));
  inside.wait();
  EXPECT_TRUE(listener_->stop(10 * util::kSecond));
  EXPECT_EQ(test::parse_reply(test::receive_all(client)).body, "done");
}

TEST_F(ListenerTest, AnswerBeyondTheBoundIs500) {
  std::size_t bytes = kMaxAnswerBytes;
  router_.add({"GET", "/large", [&](const Request&) {
                 Response response;
                 response.body = std::string(bytes, 'x');
                 return response;
               }});
  serve();
  EXPECT_EQ(ask(get_text("/large")).body.size(), bytes);
  ++bytes;
  refuse(500, get_text("/large"));
}

TEST_F(ListenerTest, WaitingClientsAreToldToGoOnWhenTheHeadIsAccepted) {
  serve();
  const auto client = test::connect_to(listener_->address());
  test::send_text(client,
                  "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(test::receive_bytes(client, interim.size()), interim);
  test::send_text(client, "body");
  EXPECT_EQ(test::parse_reply(test::receive_all(client)).body, "|body");
}

TEST_F(ListenerTest, NobodyIsToldToSendABodyThatIsRefused) {
  ListenerConfig config;
  config.admit = test::wants_the_right_token;
  serve(config);
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 4\r\n";
  refuse(401, "POST /echo HTTP/1.1\r\nHost: localhost\r\n" + expect + "\r\n");
  refuse(404, "POST /nothing HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\n" + expect + "\r\n");
  EXPECT_EQ(
      ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\n" + expect + "\r\nbody").status,
      201);
}

}  // namespace
}  // namespace spliced::http
