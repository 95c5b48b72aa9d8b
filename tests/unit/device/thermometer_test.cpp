// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/thermometer.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "temp_dir.h"

namespace spliced::device {
namespace {

struct ThermometerTest : ::testing::Test {
  ThermometerTest() {
    facts.block_device = true;
    facts.id = block_id(makedev(8, 17));
    facts.whole = block_id(makedev(8, 16));
    facts.info.transport = "sata";
  }
  Thermometer made() { return Thermometer::of(facts, sysfs.path()); }
  testing::TempDir sysfs;
  TargetFacts facts;
};

TEST_F(ThermometerTest, IsThatOfTheDiskWhereverTheKernelHasIt) {
  for (const char* place :
       {"device/hwmon/hwmon3/", "device/hwmon3/", "device/device/hwmon/hwmon3/", "device/device/hwmon3/"}) {
    testing::TempDir root;
    root.write(std::string("dev/block/8:16/") + place + "temp1_input", "41850\n");
    const auto it = Thermometer::of(facts, root.path());
    ASSERT_TRUE(it.exists()) << place;
    EXPECT_EQ(42, it.read()) << place;
  }
}

TEST_F(ThermometerTest, ASataDiskIsAskedRarely) {
  EXPECT_TRUE(made().stops_io());
  EXPECT_EQ(60 * util::kSecond, made().period());
  facts.info.transport = "nvme";
  EXPECT_FALSE(made().stops_io());
  EXPECT_EQ(10 * util::kSecond, made().period());
}

TEST_F(ThermometerTest, WhereThereIsNoneNothingIsKnown) {
  EXPECT_FALSE(made().exists());
  EXPECT_FALSE(made().read());
  sysfs.write("dev/block/8:16/device/hwmon/hwmon1/name", "drivetemp");
  EXPECT_FALSE(made().exists());
  facts.block_device = false;
  sysfs.write("dev/block/8:16/device/hwmon/hwmon1/temp1_input", "30000");
  EXPECT_FALSE(made().exists());
}

TEST_F(ThermometerTest, WhatNoDiskHasIsNotKnown) {
  for (const auto& [text, wanted] : std::vector<std::pair<std::string, std::optional<int>>>{
           {"0", 0}, {"-5400", -5}, {"125000", 125}, {"126000", {}}, {"-273150", {}}, {"", {}}, {"nan", {}}}) {
    sysfs.write("dev/block/8:16/device/hwmon/hwmon1/temp1_input", text);
    EXPECT_EQ(wanted, made().read()) << text;
  }
}

}  // namespace
}  // namespace spliced::device
