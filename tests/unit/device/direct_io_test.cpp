// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/direct_io.h"

#include <gtest/gtest.h>

namespace spliced::device {
namespace {

TEST(JudgeDirectIo, WhatAFileSystemTellsIsSo) {
  const DirectIo told = judge_direct_io({"xfs", true, 4096, 4096, 512});
  EXPECT_EQ(told.alignment, 4096U);
  EXPECT_EQ(told.refused, "");
  EXPECT_NE(judge_direct_io({"ext4", true, 0, 4096, 512}).refused.find("ext4"), std::string::npos);
}

TEST(JudgeDirectIo, WhatTellsNothingNeedsTheSectorsOfTheDisk) {
  const DirectIo direct = judge_direct_io({"vfat", false, 0, 32768, 4096});
  EXPECT_EQ(direct.alignment, 4096U);
  EXPECT_EQ(direct.reason, "");
}

TEST(JudgeDirectIo, WhatFallsBackInSilenceNeedsItsOwnBlocks) {
  for (const char* type : {"btrfs", "overlay"}) {
    const DirectIo direct = judge_direct_io({type, false, 0, 16384, 512});
    EXPECT_EQ(direct.alignment, 16384U);
    EXPECT_NE(direct.reason, "");
    EXPECT_EQ(direct.refused, "");
  }
  EXPECT_NE(judge_direct_io({"zfs", false, 0, 131072, 512}).refused, "");
}

TEST(DirectIoShortfall, HalfOfItMustBeSeen) {
  EXPECT_EQ(direct_io_shortfall({1000, 0}, {1000, 0}, "sda", true), "");
  EXPECT_EQ(direct_io_shortfall({1000, 0}, {500, 0}, "sda", true), "");
  EXPECT_EQ(direct_io_shortfall({1000, 0}, {499, 0}, "sda", true),
            "direct I/O did not reach sda: it read 499 of 1000 bytes");
  EXPECT_EQ(direct_io_shortfall({0, 1000}, {1000, 1}, "sda", true),
            "direct I/O did not reach sda: it wrote 1 of 1000 bytes");
  EXPECT_EQ(direct_io_shortfall({0, 0}, {0, 0}, "sda", true), "");
}

TEST(DirectIoShortfall, NoDiskIsAskedForWhatWasNeverWritten) {
  EXPECT_EQ(direct_io_shortfall({1000, 1000}, {0, 1000}, "sda", false), "");
  EXPECT_NE(direct_io_shortfall({1000, 1000}, {0, 0}, "sda", false), "");
}

}  // namespace
}  // namespace spliced::device
