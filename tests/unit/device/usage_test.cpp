// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/usage.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_machine.h"

namespace spliced::device {
namespace {

using testing::DeepStack;
using testing::FakeMachine;
using testing::file_id;

TEST(FindUses, AnIdleMachineIsFree) {
  const FakeMachine machine;
  for (const auto& node : machine.host.blocks) EXPECT_TRUE(machine.is_free(node.name)) << node.name;
}

TEST(FindUses, AnUnknownDeviceAndAFileNobodyUsesAreFree) {
  const FakeMachine machine;
  EXPECT_TRUE(find_holders(block_id(makedev(99, 9)), machine.host).empty());
  EXPECT_TRUE(find_holders(file_id(1), machine.host).empty());
}

TEST(FindUses, AMountedDiskIsUsed) {
  FakeMachine machine;
  machine.mount(makedev(8, 16), "/data");
  EXPECT_EQ(machine.uses("sdb"), std::vector<std::string>{"mounted at /data (ext4)"});
  EXPECT_TRUE(machine.is_free("sda"));
}

TEST(FindUses, EveryMountIsNamedAndEachOnce) {
  FakeMachine machine;
  machine.mount(makedev(8, 16), "/data");
  machine.mount(makedev(8, 16), "/other");
  machine.mount(makedev(8, 16), "/data");
  EXPECT_EQ(machine.uses("sdb").size(), 2U);
}

TEST(FindUses, AMountedPartitionBlocksTheWholeDisk) {
  FakeMachine machine;
  machine.mount(makedev(8, 1), "/boot");
  EXPECT_TRUE(machine.says("sda1", "mounted at /boot (ext4)"));
  EXPECT_EQ(machine.uses("sda"), std::vector<std::string>{"its partition sda1 is mounted at /boot (ext4)"});
}

TEST(FindUses, ASisterPartitionDoesNotBlock) {
  FakeMachine machine;
  machine.mount(makedev(8, 1), "/boot");
  EXPECT_TRUE(machine.is_free("sda2"));
}

TEST(FindUses, AMountedWholeDiskBlocksItsPartitions) {
  FakeMachine machine;
  machine.mount(makedev(8, 0), "/data");
  EXPECT_TRUE(machine.says("sda1", "the whole disk sda is mounted at /data (ext4)"));
  EXPECT_TRUE(machine.says("sda2", "the whole disk sda is mounted at /data (ext4)"));
}

TEST(FindUses, ASwapPartitionBlocksItselfAndItsDisk) {
  FakeMachine machine;
  machine.host.swaps.push_back({block_id(makedev(8, 2)), "/dev/sda2"});
  EXPECT_TRUE(machine.says("sda2", "swap area /dev/sda2"));
  EXPECT_TRUE(machine.says("sda", "its partition sda2 is swap area /dev/sda2"));
  EXPECT_TRUE(machine.is_free("sda1"));
}

TEST(FindUses, ASwapFileIsUsedAndOtherFilesAreNot) {
  FakeMachine machine;
  machine.host.swaps.push_back({file_id(7), "/swapfile"});
  EXPECT_EQ(machine.uses(file_id(7)), std::vector<std::string>{"swap area /swapfile"});
  EXPECT_TRUE(find_holders(file_id(8), machine.host).empty());
}

TEST(FindUses, SaysInAWordWhatEachUseIs) {
  FakeMachine machine;
  machine.host.swaps.push_back({block_id(makedev(8, 2)), "/dev/sda2"});
  machine.stack("dm-0", makedev(253, 0), {"sdb"});
  machine.mount(makedev(8, 1), "/boot");
  const auto reason = [&](dev_t number) { return find_holders(block_id(number), machine.host).at(0).reason; };
  EXPECT_EQ(reason(makedev(8, 1)), util::Reason::mounted);
  EXPECT_EQ(reason(makedev(8, 2)), util::Reason::swap);
  EXPECT_EQ(reason(makedev(8, 16)), util::Reason::held);
}

TEST(FindUses, ALoopDeviceOverASwapFileIsUsed) {
  FakeMachine machine;
  machine.host.swaps.push_back({file_id(7), "/swapfile"});
  machine.loop("loop0", makedev(7, 0), file_id(7));
  EXPECT_TRUE(machine.says("loop0", "what loop0 writes to is swap area /swapfile"));
}

TEST(FindUses, ABtrfsMountIsKnownByItsSourceNode) {
  FakeMachine machine;
  machine.host.mounts.push_back({makedev(0, 40), block_id(makedev(8, 16)), "/pool", "btrfs"});
  EXPECT_EQ(machine.uses("sdb"), std::vector<std::string>{"mounted at /pool (btrfs)"});
}

TEST(FindUses, AMountWhoseSourceIsAFileIsJudgedByItsNumber) {
  FakeMachine machine;
  machine.host.mounts.push_back({makedev(8, 16), file_id(3), "/etc/one-file", "ext4"});
  EXPECT_FALSE(machine.is_free("sdb"));
}

TEST(FindUses, AHolderBlocks) {
  FakeMachine machine;
  machine.stack("dm-0", makedev(253, 0), {"sdb"});
  EXPECT_EQ(machine.uses("sdb"), std::vector<std::string>{"held by dm-0"});
}

TEST(FindUses, AHolderOfAPartitionBlocksTheDisk) {
  FakeMachine machine;
  machine.stack("md0", makedev(9, 0), {"sda1", "sdb"});
  EXPECT_TRUE(machine.says("sda1", "held by md0"));
  EXPECT_TRUE(machine.says("sda", "its partition sda1 is held by md0"));
  EXPECT_TRUE(machine.says("sdb", "held by md0"));
  EXPECT_TRUE(machine.is_free("sda2"));
}

TEST(FindUses, HoldersAtDepthTwoAreSeenFromTheBottom) {
  DeepStack machine;
  machine.mount(makedev(253, 1), "/home");
  EXPECT_TRUE(machine.says("dm-1", "mounted at /home (ext4)"));
  EXPECT_TRUE(machine.says("dm-0", "held by dm-1"));
  EXPECT_TRUE(machine.says("dm-0", "under dm-1, which is mounted at /home (ext4)"));
  EXPECT_TRUE(machine.says("sda2", "held by dm-0"));
  EXPECT_TRUE(machine.says("sda2", "under dm-0, which is under dm-1, which is mounted at /home (ext4)"));
  EXPECT_TRUE(
      machine.says("sda", "its partition sda2 is under dm-0, which is under dm-1, which is mounted at /home (ext4)"));
  EXPECT_TRUE(machine.is_free("sda1"));
  EXPECT_TRUE(machine.is_free("sdb"));
}

TEST(FindUses, RootOnLvmBlocksThePhysicalDisk) {
  DeepStack machine;
  machine.mount(makedev(253, 1), "/");
  EXPECT_FALSE(machine.is_free("sda"));
  EXPECT_FALSE(machine.is_free("sda2"));
}

TEST(FindUses, SwapOnTopOfAStackIsSeenFromTheBottom) {
  DeepStack machine;
  machine.host.swaps.push_back({block_id(makedev(253, 1)), "/dev/dm-1"});
  EXPECT_TRUE(machine.says("sda2", "under dm-0, which is under dm-1, which is swap area /dev/dm-1"));
}

TEST(FindUses, ADmTargetIsFreeThoughItHoldsItsOwnSlave) {
  const DeepStack machine;
  EXPECT_TRUE(machine.is_free("dm-1"));
  EXPECT_FALSE(machine.is_free("dm-0"));
}

TEST(FindUses, AnArrayIsFreeThoughItHoldsItsMembers) {
  FakeMachine machine;
  machine.stack("md0", makedev(9, 0), {"sda1", "sdb"});
  EXPECT_TRUE(machine.is_free("md0"));
}

TEST(FindUses, AMountedSlaveBlocksTheDeviceOnTop) {
  FakeMachine machine;
  machine.stack("dm-0", makedev(253, 0), {"sdb"});
  machine.mount(makedev(8, 16), "/data");
  EXPECT_TRUE(machine.says("dm-0", "sdb below it is mounted at /data (ext4)"));
}

TEST(FindUses, AMountBelowTheSlavesDiskBlocksTheDeviceOnTop) {
  FakeMachine machine;
  machine.stack("dm-0", makedev(253, 0), {"sda"});
  machine.mount(makedev(8, 1), "/boot");
  EXPECT_TRUE(machine.says("dm-0", "sda below it is its partition sda1 is mounted at /boot (ext4)"));
}

TEST(FindUses, ALoopDeviceOverAFileIsFreeAndItsFileIsNot) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  EXPECT_TRUE(machine.is_free("loop0"));
  EXPECT_EQ(machine.uses(file_id(5)), std::vector<std::string>{"the backing of loop0"});
}

TEST(FindUses, TheFileUnderAMountedLoopDeviceSaysBoth) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.mount(makedev(7, 0), "/image", "vfat");
  const std::vector<std::string> expected{"the backing of loop0", "under loop0, which is mounted at /image (vfat)"};
  EXPECT_EQ(machine.uses(file_id(5)), expected);
}

TEST(FindUses, TwoLoopDevicesOverOneFileBlockEachOther) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.loop("loop1", makedev(7, 1), file_id(5));
  EXPECT_EQ(machine.uses("loop0"), std::vector<std::string>{"what loop0 writes to is the backing of loop1"});
  EXPECT_EQ(machine.uses("loop1"), std::vector<std::string>{"what loop1 writes to is the backing of loop0"});
}

TEST(FindUses, ALoopDeviceOverAMountedDiskIsRefused) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), block_id(makedev(8, 16)));
  machine.mount(makedev(8, 16), "/data");
  EXPECT_TRUE(machine.says("loop0", "what loop0 writes to is mounted at /data (ext4)"));
}

TEST(FindUses, ALoopDeviceOverADiskWithAMountedPartitionIsRefused) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), block_id(makedev(8, 0)));
  machine.mount(makedev(8, 1), "/boot");
  EXPECT_TRUE(machine.says("loop0", "what loop0 writes to is its partition sda1 is mounted at /boot (ext4)"));
}

TEST(FindUses, ALoopDeviceOverAFreeDiskIsFreeAndBlocksTheDisk) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), block_id(makedev(8, 16)));
  EXPECT_TRUE(machine.is_free("loop0"));
  EXPECT_EQ(machine.uses("sdb"), std::vector<std::string>{"the backing of loop0"});
}

TEST(FindUses, AMountedPartitionOfALoopDeviceBlocksTheFile) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.partition("loop0p1", makedev(259, 0), makedev(7, 0));
  machine.mount(makedev(259, 0), "/image");
  EXPECT_FALSE(find_holders(file_id(5), machine.host).empty());
  EXPECT_FALSE(machine.is_free("loop0"));
}

TEST(FindUses, APartitionOfALoopDeviceIsFreeThoughItsSisterIsMounted) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.partition("loop0p1", makedev(259, 0), makedev(7, 0));
  machine.partition("loop0p2", makedev(259, 1), makedev(7, 0));
  EXPECT_TRUE(machine.is_free("loop0p1"));
  machine.mount(makedev(259, 1), "/image");
  EXPECT_TRUE(machine.is_free("loop0p1"));
  EXPECT_FALSE(machine.is_free("loop0p2"));
}

TEST(FindUses, ALoopOverALoopIsFollowedToTheBottom) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.loop("loop1", makedev(7, 1), block_id(makedev(7, 0)));
  machine.mount(makedev(7, 1), "/image");
  EXPECT_FALSE(machine.is_free("loop0"));
  EXPECT_EQ(machine.uses(file_id(5)).size(), 3U);
}

// Sysfs is not read at one instant: devices that are rearranged meanwhile can look like a circle.
TEST(FindUses, ACircleComesToAnEnd) {
  FakeMachine machine;
  machine.stack("dm-0", makedev(253, 0), {"dm-1"});
  machine.stack("dm-1", makedev(253, 1), {"dm-0"});
  EXPECT_FALSE(machine.is_free("dm-0"));
}

TEST(FindUses, ASlaveThatSysfsDoesNotListIsPassedOver) {
  FakeMachine machine;
  machine.stack("dm-0", makedev(253, 0), {"gone"});
  EXPECT_TRUE(machine.is_free("dm-0"));
}

TEST(FindUses, EveryDiskOfAMountedBtrfsIsUsed) {
  FakeMachine machine;
  machine.host.pools.push_back({makedev(8, 2), makedev(8, 16)});
  machine.host.mounts.push_back({makedev(0, 40), block_id(makedev(8, 16)), "/pool", "btrfs"});
  EXPECT_TRUE(machine.says("sda2", "mounted at /pool (btrfs)"));
  EXPECT_TRUE(machine.is_free("sda1"));
}

TEST(FindUses, ALoopDeviceOverAFileInALayerIsUsed) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.host.blocks.back().backing_path = "/upper/img";
  MountPoint root{makedev(8, 1), std::nullopt, "/", "ext4"};
  root.root = "/";
  root.own = true;
  machine.host.mounts.push_back(root);
  machine.host.layers.push_back({"/upper", "upper", "/merged", Place{makedev(8, 1), "/upper"}, std::nullopt});
  EXPECT_TRUE(machine.says(
      "loop0", "what loop0 writes to lies in /upper, the upper directory of the overlay mounted at /merged"));
}

// A partition of a loop device writes to what the whole loop device writes to.
TEST(FindUses, APartitionOfALoopDeviceOverAMountedDiskIsRefused) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), block_id(makedev(8, 0)));
  machine.partition("loop0p1", makedev(259, 0), makedev(7, 0));
  machine.mount(makedev(8, 1), "/");
  EXPECT_FALSE(machine.is_free("loop0"));
  EXPECT_FALSE(machine.is_free("loop0p1"));
}

TEST(FindUses, APartitionOfALoopDeviceOverASharedFileIsRefused) {
  FakeMachine machine;
  machine.loop("loop0", makedev(7, 0), file_id(5));
  machine.loop("loop1", makedev(7, 1), file_id(5));
  machine.partition("loop0p1", makedev(259, 0), makedev(7, 0));
  machine.mount(makedev(7, 1), "/image");
  EXPECT_FALSE(machine.is_free("loop0"));
  EXPECT_FALSE(machine.is_free("loop0p1"));
}

}  // namespace
}  // namespace spliced::device
