// SPDX-License-Identifier: Apache-2.0
#include "daemon/doors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/certificates.h"

namespace spliced::daemon {
namespace {

using access::Credentials;

class DoorsTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = dir_ / name;
    std::ofstream(path, std::ios::trunc) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  static http::Address address(const std::string& host) {
    http::Address out;
    out.host = host;
    out.port = 1;
    return out;
  }
  static bool lets_in_anybody(const http::ListenerConfig& door) { return !door.admit || door.admit(Credentials{}); }
  Config with_tls() {
    const test::Identity own = authority_.issue();
    Config out;
    out.token_file = file("token", "0123456789abcdef");
    out.tls = {file("cert", own.certificate), file("key", own.key), "", ""};
    return out;
  }

  test::TempDir dir_;
  test::Authority authority_;
  Doors doors_;
};

TEST_F(DoorsTest, OnlyLoopbackDoorsAreOpenToAnybody) {
  Config config;
  config.insecure_no_auth = true;
  ASSERT_TRUE(doors_.apply(config));
  EXPECT_TRUE(lets_in_anybody(doors_.control(address("127.0.0.1"))));
  EXPECT_FALSE(lets_in_anybody(doors_.control(address("0.0.0.0"))));
  EXPECT_FALSE(lets_in_anybody(doors_.control(address("::"))));
}

// The listener stays where it is until a restart, whatever the new configuration says of addresses.
TEST_F(DoorsTest, AReloadThatTakesTheTokensAwayOpensNoDoor) {
  Config config = with_tls();
  config.insecure_no_auth = true;
  ASSERT_TRUE(doors_.apply(config));
  const auto door = doors_.control(address("0.0.0.0"));
  EXPECT_FALSE(lets_in_anybody(door));
  ASSERT_TRUE(door.tls);
  Config bare;
  bare.insecure_no_auth = true;
  ASSERT_TRUE(doors_.apply(bare));
  EXPECT_FALSE(lets_in_anybody(door));
  EXPECT_NE(door.tls(), nullptr) << "it goes on to encrypt";
}

TEST_F(DoorsTest, ADaemonThatAskedGoesOnToAsk) {
  ASSERT_TRUE(doors_.apply(with_tls()));
  const auto door = doors_.control(address("127.0.0.1"));
  Config later;
  later.insecure_no_auth = true;
  ASSERT_TRUE(doors_.apply(later));
  EXPECT_FALSE(lets_in_anybody(door));
}

TEST_F(DoorsTest, ScrapersThatWereAskedForACertificateGoOnToBe) {
  Config config = with_tls();
  config.metrics_tls = config.tls;
  config.metrics_tls.client_ca = file("ca", authority_.certificate());
  ASSERT_TRUE(doors_.apply(config));
  const auto door = doors_.metrics(address("0.0.0.0"));
  EXPECT_FALSE(lets_in_anybody(door));
  config.metrics_tls = {};
  ASSERT_TRUE(doors_.apply(config));
  EXPECT_FALSE(lets_in_anybody(door));
  config.metrics_tls = config.tls;
  ASSERT_TRUE(doors_.apply(config));
  EXPECT_TRUE(lets_in_anybody(door)) << "it was told to ask nobody any more";
}

TEST_F(DoorsTest, WhatCannotBeReadChangesNothing) {
  Config config = with_tls();
  ASSERT_TRUE(doors_.apply(config));
  const auto door = doors_.control(address("127.0.0.1"));
  const auto before = door.tls();
  config.token_file = dir_ / "missing";
  config.tls.key = file("other", authority_.issue().key);
  EXPECT_FALSE(doors_.apply(config));
  EXPECT_EQ(door.tls(), before);
  Credentials shown;
  shown.authorization = "Bearer 0123456789abcdef";
  EXPECT_TRUE(door.admit(shown));
}

TEST_F(DoorsTest, AGroupThatDoesNotExistIsNamed) {
  Config config;
  config.read_group = "no-such-group-here";
  const auto status = doors_.apply(config);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("no-such-group-here"), std::string::npos);
}

}  // namespace
}  // namespace spliced::daemon
