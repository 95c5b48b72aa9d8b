// What a well-behaved client sees.
#include <sys/stat.h>

#include <fstream>

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
  (*listener)->stop();
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
  const Reply reply = ask("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-length"), "100000");
  EXPECT_EQ(reply.body, "");
}

TEST_F(ListenerTest, NoContentHasNoBody) {
  serve();
  const Reply reply = ask("DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.body, "");
}

TEST_F(ListenerTest, UnknownPathIs404AndUnknownMethodThereIs405) {
  serve();
  refuse(404, get_text("/nothing"));
  EXPECT_EQ(refuse(405, get_text("/echo")).header("allow"), "DELETE, POST");
  EXPECT_EQ(refuse(405, "PUT /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nab").header("allow"), "DELETE, POST");
  EXPECT_EQ(refuse(405, "PATCH /throws HTTP/1.1\r\nContent-Length: 0\r\n\r\n").header("allow"), "GET, HEAD");
  EXPECT_EQ(refuse(405, "TRACE /long HTTP/1.1\r\n\r\n").header("allow"), "GET, HEAD");
  refuse(405, "OPTIONS /long HTTP/1.1\r\n\r\n");
}

TEST_F(ListenerTest, PathsAreDecodedOnceAndQuotedSafely) {
  serve();
  EXPECT_EQ(ask(get_text("/hello/a%20b")).body, "hello a b");
  EXPECT_EQ(ask(get_text("/hello/%2541")).body, "hello %41");
  refuse(404, get_text("/hello/a%2Fb"));
  const Reply reply = refuse(404, get_text("/%0d%0aX-Evil:%201/%ff%00"));
  EXPECT_EQ(reply.header("x-evil"), "");
}

TEST_F(ListenerTest, TellsOfEveryRequestByRoute) {
  serve();
  ask(get_text("/hello/you"));
  ask(get_text("/nothing"));
  ask("BREW /echo HTTP/1.1\r\n\r\n");
  ask(get_text("/long", "Range: bytes=0-1\r\n"));
  EXPECT_EQ(witness_.wait_for(4),
            (std::vector<std::string>{"/hello/{name} GET 200", "none GET 404", "none other 400", "none GET 400"}));
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
  config.authorize = [](const std::string& value) { return value == "Bearer right"; };
  serve(config);
  for (const char* header : {"", "Authorization: Bearer wrong\r\n", "Authorization: right\r\n", "Authorization:\r\n"}) {
    EXPECT_EQ(refuse(401, get_text("/hello/x", header)).header("www-authenticate"), "Bearer") << header;
  }
  EXPECT_EQ(ask(get_text("/hello/x", "Authorization: Bearer right\r\n")).status, 200);
  EXPECT_EQ(ask(get_text("/hello/x", "authorization:Bearer right\r\n")).status, 200);
}

TEST_F(ListenerTest, WithoutAuthorizationNothingIsToldOfThePaths) {
  ListenerConfig config;
  config.authorize = [](const std::string&) { return false; };
  serve(config);
  refuse(401, get_text("/nothing"));
  refuse(401, post_text("/echo", "data"));
  EXPECT_EQ(echoes_, 0);
}

TEST_F(ListenerTest, UnixSocketIsForOwnerAndGroupOnly) {
  serve();
  struct stat st {};
  ASSERT_EQ(::stat((dir_ / "s.sock").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0660U);
}

TEST_F(ListenerTest, UnknownGroupIsNoReasonToFail) {
  ListenerConfig config;
  config.socket_group = "no-such-group-anywhere";
  serve(config);
}

TEST_F(ListenerTest, StaleSocketFileIsReplaced) {
  {
    const util::UniqueFd old(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strcpy(name.sun_path, (dir_ / "s.sock").c_str());
    ASSERT_EQ(::bind(old.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  }
  serve();
  EXPECT_EQ(ask(get_text("/hello/x")).status, 200);
}

TEST_F(ListenerTest, LiveSocketIsLeftAlone) {
  serve();
  const auto second = open({unix_address(dir_), "second", 1, 1, "", {}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, util::Errc::conflict);
  EXPECT_NE(second.error().message.find(dir_ / "s.sock"), std::string::npos);
  EXPECT_EQ(ask(get_text("/hello/x")).status, 200);
}

TEST_F(ListenerTest, FileThatIsNoSocketIsLeftAlone) {
  std::ofstream(dir_ / "s.sock") << "precious";
  const auto listener = open({unix_address(dir_), "test", 1, 1, "", {}});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, util::Errc::conflict);
  std::string text;
  std::ifstream(dir_ / "s.sock") >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(ListenerTest, DirectoryThatIsMissingIsNamed) {
  Address address;
  address.unix_path = dir_ / "missing/s.sock";
  const auto listener = open({address, "test", 1, 1, "", {}});
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message.find(address.unix_path), std::string::npos);
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
  listener_->stop();
  EXPECT_FALSE(listener_->running());
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.sock"));
  listener_->stop();
}

}  // namespace
}  // namespace spliced::http
