#include <gtest/gtest.h>
#include <sys/un.h>

#include "http/listener.h"

namespace spliced::http {
namespace {

TEST(Address, ReadsUnixPaths) {
  const auto address = parse_address("unix:/run/spliced/spliced.sock");
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->is_unix());
  EXPECT_EQ(address->unix_path, "/run/spliced/spliced.sock");
  EXPECT_EQ(address->text(), "unix:/run/spliced/spliced.sock");
  EXPECT_FALSE(address->is_loopback());
}

TEST(Address, UnixPathMustBeAbsolute) {
  for (const char* text : {"unix:", "unix:relative.sock", "unix:./x"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, util::Errc::invalid);
    EXPECT_NE(address.error().message.find(text), std::string::npos);
  }
}

TEST(Address, UnixPathFitsIntoASocketAddress) {
  constexpr std::size_t most = sizeof(sockaddr_un::sun_path) - 1;
  EXPECT_TRUE(parse_address("unix:/" + std::string(most - 1, 'a')));
  EXPECT_FALSE(parse_address("unix:/" + std::string(most, 'a')));
}

TEST(Address, ReadsIpv4) {
  const auto address = parse_address("127.0.0.1:8650");
  ASSERT_TRUE(address);
  EXPECT_FALSE(address->is_unix());
  EXPECT_EQ(address->host, "127.0.0.1");
  EXPECT_EQ(address->port, 8650);
  EXPECT_EQ(address->text(), "127.0.0.1:8650");
}

TEST(Address, ReadsIpv6InBrackets) {
  const auto address = parse_address("[::1]:9650");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 9650);
  EXPECT_EQ(address->text(), "[::1]:9650");
}

TEST(Address, PortsGoFrom0To65535) {
  EXPECT_EQ(parse_address("127.0.0.1:0")->port, 0);
  EXPECT_EQ(parse_address("127.0.0.1:65535")->port, 65535);
  for (const char* text : {"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:99999999999", "127.0.0.1:", "127.0.0.1",
                           "127.0.0.1:80x", "127.0.0.1: 80", "127.0.0.1:0x50"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Address, WantsNumbersAndNoNames) {
  for (const char* text : {"", ":80", "localhost:80", "example.org:80", "256.0.0.1:80", "1.2.3:80", "[]:80", "[::1:80",
                           "http://127.0.0.1:80", "[zz::1]:80"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, util::Errc::invalid);
  }
}

TEST(Address, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.255.255.254:1", "[::1]:1"}) {
    EXPECT_TRUE(parse_address(text)->is_loopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "128.0.0.1:1", "10.0.0.1:1", "[::]:1", "[fe80::1]:1", "[::2]:1"}) {
    EXPECT_FALSE(parse_address(text)->is_loopback()) << text;
  }
}

}  // namespace
}  // namespace spliced::http
