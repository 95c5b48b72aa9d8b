// SPDX-License-Identifier: Apache-2.0
#include "device/same_disk.h"

#include <gtest/gtest.h>

#include "fake_machine.h"

namespace spliced::device {
namespace {

using testing::DeepStack;
using testing::FakeMachine;
using testing::file_id;

// Two paths to one disk in a SAS shelf, each with a partition.
struct TwoPaths : FakeMachine {
  TwoPaths() {
    disk("sdc", makedev(8, 32)).info.wwn = "naa.5000c500a1b2c3d4";
    disk("sdd", makedev(8, 48)).info.wwn = "naa.5000c500a1b2c3d4";
    partition("sdc1", makedev(8, 33), makedev(8, 32)).partition = 1;
    partition("sdd1", makedev(8, 49), makedev(8, 48)).partition = 1;
    partition("sdd2", makedev(8, 50), makedev(8, 48)).partition = 2;
  }
};

TEST(FindUses, TheUsesOfOnePathCountForTheOther) {
  TwoPaths machine;
  machine.mount(makedev(8, 49), "/data");
  EXPECT_TRUE(machine.says("sdc1", "mounted at /data (ext4)"));
  EXPECT_FALSE(machine.is_free("sdc"));
  EXPECT_FALSE(machine.is_free("sdd"));
  EXPECT_TRUE(machine.is_free("sdd2"));
  EXPECT_TRUE(machine.is_free("sdb"));
}

TEST(FindUses, AMultipathDeviceIsFreeThoughItHoldsBothPaths) {
  TwoPaths machine;
  machine.stack("dm-0", makedev(253, 0), {"sdc", "sdd"});
  EXPECT_TRUE(machine.is_free("dm-0"));
  EXPECT_FALSE(machine.is_free("sdc"));
}

TEST(FindUses, DisksWhoseBridgeTellsNoNumberAreNotOneDisk) {
  for (const char* wwn : {"", "eui.0000000000000000", "naa.ffffffffffffffff", "0x0000000000000000"}) {
    FakeMachine machine;
    machine.disk("sdc", makedev(8, 32)).info.wwn = wwn;
    machine.disk("sdd", makedev(8, 48)).info.wwn = wwn;
    machine.mount(makedev(8, 48), "/data");
    EXPECT_TRUE(machine.is_free("sdc")) << wwn;
  }
}

TEST(StackOf, IsTheTargetAndAllThatItStandsOn) {
  DeepStack machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.partition("loop0p1", makedev(259, 0), makedev(7, 0));
  using Ids = std::vector<NodeId>;
  EXPECT_EQ(stack_of(block_id(makedev(259, 0)), machine.host),
            (Ids{block_id(makedev(259, 0)), block_id(makedev(7, 0)), file_id(5)}));
  EXPECT_EQ(stack_of(block_id(makedev(253, 1)), machine.host).size(), 4U) << "dm-1, dm-0, sda2, sda";
  EXPECT_EQ(stack_of(file_id(5), machine.host), Ids{file_id(5)});
  const TwoPaths paths;
  EXPECT_EQ(stack_of(block_id(makedev(8, 49)), paths.host), stack_of(block_id(makedev(8, 33)), paths.host));
}

}  // namespace
}  // namespace spliced::device
