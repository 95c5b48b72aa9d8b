// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "http/listener.h"
#include "raw_client.h"

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

TEST(AddressOf, SaysWhereASocketIsBound) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const bool six = std::string_view(host) == "::1";
    const util::UniqueFd socket(::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    ::inet_pton(AF_INET, host, &v4.sin_addr);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, host, &v6.sin6_addr);
    const auto* name = six ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    if (::bind(socket.get(), name, six ? sizeof v6 : sizeof v4) != 0) continue;  // a machine without that one
    const auto address = address_of(socket);
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->host, host);
    EXPECT_GT(address->port, 0);
    EXPECT_EQ(parse_address(address->text())->text(), address->text());
  }
}

TEST(AddressOf, KnowsUnixSocketsByTheirPaths) {
  const test::TempDir dir;
  const util::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(address_of(socket)) << "it has no path yet";
  const sockaddr_un name = test::unix_name(dir / "s.sock");
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_EQ(address_of(socket)->text(), "unix:" + dir / "s.sock");
  EXPECT_FALSE(address_of(util::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
}

}  // namespace
}  // namespace spliced::http
