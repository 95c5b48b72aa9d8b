// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/identity.h"

#include <gtest/gtest.h>

namespace spliced::device {
namespace {

DeviceInfo info(std::string wwn, std::string serial = "", std::string model = "", std::string vendor = "") {
  DeviceInfo out;
  out.wwn = std::move(wwn);
  out.serial = std::move(serial);
  out.model = std::move(model);
  out.vendor = std::move(vendor);
  return out;
}

TEST(Identity, IsTheAssignedNumberWhereThereIsOne) {
  EXPECT_EQ(known_by(info("naa.5000C500A1B2C3D4", "S1")), "5000c500a1b2c3d4");
  EXPECT_EQ(known_by(info("eui.0025385b71b00001")), "0025385b71b00001");
  EXPECT_EQ(known_by(info("eui.00000000000000000026b7282f3c1a55")), "00000000000000000026b7282f3c1a55");
}

TEST(Identity, IsVendorModelAndSerialOtherwise) {
  EXPECT_EQ(known_by(info("t10.ATA     QEMU HARDDISK", " S1 ", "QEMU HARDDISK ", "ATA     ")),
            "ATA\nQEMU HARDDISK\nS1");
  EXPECT_EQ(known_by(info("", "S1", "M")), "\nM\nS1");
  EXPECT_EQ(known_by(info("naa.0000000000000000", "S1", "M", "V")), "V\nM\nS1") << "what many have is no number";
  EXPECT_EQ(known_by(info("naa.ffffffffffffffff", "S1", "M", "V")), "V\nM\nS1");
  EXPECT_EQ(known_by(info("", "", "M", "V")), "") << "two of one model would be one";
}

TEST(Identity, IsConfirmedBySerialOrWwn) {
  const DeviceInfo disk = info("naa.5000c500a1b2c3d4", "WX1Y");
  for (const char* word : {"WX1Y", "wx1y", "5000c500a1b2c3d4", "5000C500A1B2C3D4", "0x5000c500a1b2c3d4",
                           "naa.5000c500a1b2c3d4", "wwn-0x5000c500a1b2c3d4", " WX1Y "}) {
    EXPECT_TRUE(is_confirmed(disk, {"other", word})) << word;
  }
  for (const char* word : {"", "WX1", "5000c500a1b2c3d", "all", "/dev/sda"})
    EXPECT_FALSE(is_confirmed(disk, {word})) << word;
  EXPECT_FALSE(is_confirmed(disk, {}));
  EXPECT_FALSE(is_confirmed(info("naa.5000c500a1b2c3d4"), {""}));
}

TEST(Identity, NeedsNoConfirmationWhereThereIsNothingToName) {
  EXPECT_TRUE(is_confirmed(info(""), {}));
}

}  // namespace
}  // namespace spliced::device
