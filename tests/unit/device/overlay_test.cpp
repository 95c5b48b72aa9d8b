// SPDX-License-Identifier: Apache-2.0
#include "device/overlay.h"

#include <gtest/gtest.h>

namespace spliced::device {
namespace {

std::vector<std::string> paths(std::string_view options) {
  std::vector<std::string> out;
  for (const auto& layer : overlay_layers(options)) out.push_back(layer.role + " " + layer.path);
  return out;
}
using Paths = std::vector<std::string>;

TEST(OverlayLayers, AreAllThatItIsMadeOf) {
  EXPECT_EQ(paths("rw,lowerdir=/a:/b,upperdir=/u,workdir=/w,index=off"),
            (Paths{"lower /a", "lower /b", "upper /u", "work /w"}));
  EXPECT_EQ(paths("ro,lowerdir=/only"), Paths{"lower /only"});
  EXPECT_EQ(paths("rw,lowerdir+=/a,lowerdir+=/b:c,datadir+=/d"), (Paths{"lower /a", "lower /b:c", "lower /d"}));
  EXPECT_EQ(paths("rw,lowerdir=/a::/data"), (Paths{"lower /a", "lower /data"}));
  EXPECT_EQ(paths("rw,xino=auto"), Paths{});
  EXPECT_EQ(paths(""), Paths{});
}

TEST(OverlayLayers, HaveTheirEscapesUndone) {
  EXPECT_EQ(paths(R"(rw,upperdir=/a\054b\040c)"), Paths{"upper /a,b c"});
  EXPECT_EQ(paths(R"(rw,lowerdir=/x\134:y:/z)"), (Paths{"lower /x:y", "lower /z"}));
  EXPECT_EQ(paths(R"(rw,upperdir=/a\134\054b)"), (Paths{"upper /a,b", R"(upper /a\,b)"}));
  EXPECT_EQ(paths(R"(rw,upperdir=/odd\05)"), (Paths{"upper /odd05", R"(upper /odd\05)"}));
}

TEST(SuperOptions, AreTheLastFieldOfALine) {
  EXPECT_EQ(super_options("36 35 0:50 / /m rw,noatime shared:1 master:2 - overlay overlay rw,upperdir=/u"),
            "rw,upperdir=/u");
  EXPECT_EQ(super_options("36 35 0:50 / /m rw"), "");
  EXPECT_EQ(super_options(""), "");
}

}  // namespace
}  // namespace spliced::device
