// SPDX-License-Identifier: Apache-2.0
#include "http/host_name.h"

#include <gtest/gtest.h>

namespace spliced::http {
namespace {

TEST(IsOwnName, LocalhostAndLoopbackAddressesAre) {
  for (const char* name : {"localhost", "LocalHost:1", "localhost.", "127.0.0.1", "127.0.0.1:9650", "127.8.8.8",
                           "[::1]", "[::1]:8650", "[0:0:0:0:0:0:0:1]"}) {
    EXPECT_TRUE(is_own_name(name, "127.0.0.1")) << name;
  }
}

TEST(IsOwnName, AnyOtherIsNot) {
  for (const char* name : {"evil.example", "evil.example:8650", "localhost.evil.example", "127.0.0.1.evil.example", "",
                           "10.0.0.1", "[::2]", "0.0.0.0", "127.1", "2130706433", "localhos", "[::ffff:127.0.0.1]"}) {
    EXPECT_FALSE(is_own_name(name, "127.0.0.1")) << name;
  }
}

TEST(HostOf, IsTheNameWithoutPort) {
  EXPECT_EQ(host_of("[FE80::1]:80"), "fe80::1");
  EXPECT_EQ(host_of("A.b:80"), "a.b");
  EXPECT_EQ(host_of(":80"), "");
}

TEST(SplitTarget, OtherFormsStayAsTheyAre) {
  for (const char* target : {"/", "*", "/http://x/", "x:80", "ftp://x/", "http:/x"}) {
    EXPECT_EQ(split_target(target).path, target);
    EXPECT_EQ(split_target(target).host, "");
  }
  EXPECT_EQ(split_target("http://A:1/b?c").host, "A:1");
  EXPECT_EQ(split_target("http://A:1/b?c").path, "/b?c");
}

}  // namespace
}  // namespace spliced::http
