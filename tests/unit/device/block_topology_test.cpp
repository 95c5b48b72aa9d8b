// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/block_topology.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "fake_host.h"

namespace spliced::device {
namespace {

using testing::FakeHost;

TEST(BlockTopology, FindsBlocksByNumberAndByName) {
  BlockTopology host;
  BlockNode node;
  node.name = "sda";
  node.number = makedev(8, 0);
  host.blocks.push_back(node);
  ASSERT_NE(host.find(makedev(8, 0)), nullptr);
  EXPECT_EQ(host.find(makedev(8, 0))->name, "sda");
  EXPECT_EQ(host.find(makedev(8, 1)), nullptr);
  ASSERT_NE(host.find(std::string("sda")), nullptr);
  EXPECT_EQ(host.find(std::string("sd")), nullptr);
}

TEST(BlockTopology, NamesTheFileSystemOfADeviceNumber) {
  BlockTopology host;
  host.mounts.push_back({makedev(8, 1), std::nullopt, "/", "xfs"});
  EXPECT_EQ(host.file_system_of(makedev(8, 1)), "xfs");
  EXPECT_EQ(host.file_system_of(makedev(8, 2)), "unknown");
}

TEST(NodeId, ABlockDeviceIsNotTheFileSystemOnIt) {
  EXPECT_EQ(block_id(5), (NodeId{true, 5, 0}));
  EXPECT_NE(block_id(5), (NodeId{false, 5, 0}));
}

TEST(ReadHost, AnEmptyOrMissingMachineHasNothing) {
  const testing::TempDir dir;
  const BlockTopology host = read_host({dir / "sys", dir / "proc", dir / "dev"});
  EXPECT_TRUE(host.blocks.empty());
  EXPECT_TRUE(host.mounts.empty());
  EXPECT_TRUE(host.swaps.empty());
  ASSERT_EQ(host.blind_spots.size(), 2U) << "a kernel may be without swap, and without nothing else";
  EXPECT_TRUE(testing::contains(host.blind_spots[0], "/sys/block: No such file or directory"));
  EXPECT_TRUE(testing::contains(host.blind_spots[1], "/proc/self/mountinfo: No such file or directory"));
}

TEST(ReadHost, AWholeMachineHasNoBlindSpots) {
  FakeHost fake;
  fake.block("sda", "8:0", 2000);
  fake.block("sda/sda1", "8:1", 100);
  EXPECT_EQ(read_host(fake.paths()).blind_spots, std::vector<std::string>{});
}

TEST(ReadHost, ASwapsFileThatIsHiddenIsABlindSpot) {
  FakeHost fake;
  fake.root().write("proc/swaps", "");
  EXPECT_TRUE(testing::contains(read_host(fake.paths()).blind_spots.at(0), "/proc/swaps"));
  std::filesystem::remove(fake.root() / "proc/swaps");
  fake.root().directory("proc/swaps");
  EXPECT_TRUE(testing::contains(read_host(fake.paths()).blind_spots.at(0), "/proc/swaps: Is a directory"));
}

TEST(ReadHost, HoldersAndSlavesThatCannotBeReadAreBlindSpots) {
  for (const char* name : {"holders", "slaves"}) {
    FakeHost fake;
    fake.block("sda", "8:0", 2000);
    std::filesystem::remove(fake.root() / "sys/block/sda/" + name);
    const auto spots = read_host(fake.paths()).blind_spots;
    ASSERT_EQ(spots.size(), 1U);
    EXPECT_TRUE(testing::contains(spots[0], std::string("/sys/block/sda/") + name + ": No such file")) << spots[0];
  }
}

TEST(ReadHost, ReadsTheZonesOfADisk) {
  FakeHost fake;
  fake.block("sda", "8:0", 2000);
  fake.block("sdb", "8:16", 2000);
  fake.block("sdb/sdb1", "8:17", 100);
  fake.block("sdc", "8:32", 2000);
  fake.attribute("sdb", "queue/zoned", "host-managed");
  fake.attribute("sdb", "queue/chunk_sectors", "524288");
  fake.attribute("sdb", "queue/nr_zones", "55880");
  fake.attribute("sdb", "queue/max_open_zones", "128");
  fake.attribute("sdb", "queue/zone_write_granularity", "4096");
  fake.attribute("sdc", "queue/zoned", "host-aware");
  const BlockTopology host = read_host(fake.paths());
  EXPECT_FALSE(host.find(std::string("sda"))->zoned);
  EXPECT_FALSE(host.find(std::string("sdc"))->zoned);
  for (const char* name : {"sdb", "sdb1"}) {
    const auto& zoned = host.find(std::string(name))->zoned;
    ASSERT_TRUE(zoned);
    EXPECT_EQ(zoned->model, "host-managed");
    EXPECT_EQ(zoned->zone_bytes, 256U << 20);
    EXPECT_EQ(zoned->zones, 55880U);
    EXPECT_EQ(zoned->max_open, 128U);
    EXPECT_EQ(zoned->max_active, 0U);
    EXPECT_EQ(zoned->write_granularity, 4096U);
  }
}

TEST(ReadHost, WhetherADiskIsZonedMayNotBeKnown) {
  FakeHost fake;
  fake.block("sda", "8:0", 2000);
  fake.block("sdb", "8:16", 2000);
  fake.block("sdc", "8:32", 2000);
  std::filesystem::remove(fake.root() / "sys/block/sda/queue/zoned");
  fake.attribute("sdb", "queue/zoned", "drive-in");
  const BlockTopology host = read_host(fake.paths());
  EXPECT_EQ(host.find(std::string("sda"))->zoned_unknown, "sda has no queue/zoned in sysfs, which others have");
  EXPECT_TRUE(testing::contains(host.find(std::string("sdb"))->zoned_unknown, "/queue/zoned says \"drive-in\""));
  EXPECT_EQ(host.find(std::string("sdc"))->zoned_unknown, "");
}

TEST(ReadHost, AKernelThatKnowsNoZonesHasNone) {
  FakeHost fake;
  fake.block("sda", "8:0", 2000);
  std::filesystem::remove(fake.root() / "sys/block/sda/queue/zoned");
  EXPECT_EQ(read_host(fake.paths()).find(std::string("sda"))->zoned_unknown, "");
}

TEST(ReadHost, PlacesAPathByTheLongestMountOfItsOwnNamespace) {
  FakeHost fake;
  fake.mountinfo(
      "20 1 8:1 / / rw - ext4 /dev/x rw\n21 20 8:2 /a/b /data rw - ext4 /dev/x rw\n"
      "22 20 8:3 / /data2 rw - ext4 /dev/x rw\n");
  fake.mount_in_process(7, "mnt:[2]", "23 20 8:9 / /data/sub rw - ext4 /dev/x rw\n");
  const BlockTopology host = read_host(fake.paths());
  const auto inside = [&](const std::string& path) { return host.place_of(path)->inside; };
  EXPECT_EQ(inside("/data/sub/file"), "/a/b/sub/file");
  EXPECT_EQ(inside("/data"), "/a/b");
  EXPECT_EQ(inside("/data2/file"), "/file");
  EXPECT_EQ(inside("/etc/file"), "/etc/file");
  EXPECT_EQ(inside("/"), "/");
  EXPECT_FALSE(host.place_of("relative"));
  EXPECT_EQ(host.mount(21)->target, "/data");
  EXPECT_EQ(host.mount(23), nullptr);
}

TEST(ReadHost, FindsTheLayersOfAnOverlayInAnyNamespace) {
  FakeHost fake;
  fake.mountinfo("20 1 8:1 / / rw - ext4 /dev/x rw\n");
  fake.mount_in_process(
      7, "mnt:[2]",
      "30 1 8:1 /lib /lib rw - ext4 /dev/x rw\n"
      "31 1 0:50 / /merged rw - overlay overlay rw,lowerdir=/lib/a:/lib/b,upperdir=/lib/u,workdir=/w\n");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.layers.size(), 4U);
  EXPECT_EQ(host.layers[2].role, "upper");
  EXPECT_EQ(host.layers[2].merged, "/merged");
  ASSERT_TRUE(host.layers[2].place);
  EXPECT_EQ(host.layers[2].place->inside, "/lib/u");
  EXPECT_FALSE(host.layers[3].place) << "no mount leads to /w";
}

// The daemon in a container that is an overlay over the root of the machine: all it sees lies in the merged view.
TEST(ReadHost, AnOverlayIsNoLayerOfItself) {
  FakeHost fake;
  fake.mountinfo(
      "31 1 0:50 / / rw - overlay overlay rw,lowerdir=/,upperdir=/run/u,workdir=/run/w\n"
      "32 31 0:51 / /run rw - tmpfs none rw\n");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.layers.size(), 2U);
  EXPECT_EQ(host.layers[0].role, "upper");
}

TEST(ReadHost, KnowsTheDisksOfABtrfs) {
  FakeHost fake;
  fake.root().write("sys/fs/btrfs/0-1/devices/sda/dev", "8:0\n");
  fake.root().write("sys/fs/btrfs/0-1/devices/sdb/dev", "8:16\n");
  fake.root().directory("sys/fs/btrfs/features");
  const BlockTopology host = read_host(fake.paths());
  EXPECT_EQ(host.pool_of(makedev(8, 16)).size(), 2U);
  EXPECT_EQ(host.pool_of(makedev(8, 32)), std::vector<dev_t>{makedev(8, 32)});
}

TEST(ListBlockNames, NamesDisksAndPartitionsAlone) {
  FakeHost fake;
  EXPECT_TRUE(list_block_names(fake.paths()).empty());
  fake.block("sda", "8:0", 2000);
  fake.block("sda/sda1", "8:1", 100);
  fake.attribute("sda", "queue/rotational", "1");
  fake.block("loop0", "7:0", 0);
  const auto names = list_block_names(fake.paths());
  EXPECT_EQ((std::set<std::string>(names.begin(), names.end())), (std::set<std::string>{"sda", "sda1", "loop0"}));
  EXPECT_TRUE(list_block_names({"/nowhere", "/nowhere", "/nowhere"}).empty());
}

TEST(ReadHost, ReadsADiskAndItsPartitions) {
  FakeHost fake;
  fake.block("sda", "8:0", 2000);
  fake.attribute("sda", "queue/logical_block_size", "4096");
  fake.attribute("sda", "queue/rotational", "1");
  fake.block("sda/sda1", "8:1", 100);
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.blocks.size(), 2U);
  const BlockNode* disk = host.find(std::string("sda"));
  const BlockNode* part = host.find(std::string("sda1"));
  ASSERT_NE(disk, nullptr);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(disk->number, makedev(8, 0));
  EXPECT_EQ(disk->whole, disk->number);
  EXPECT_FALSE(disk->is_partition());
  EXPECT_EQ(disk->size, 2000U * 512);  // whatever the sectors of the device are
  EXPECT_EQ(disk->logical_block, 4096U);
  EXPECT_FALSE(disk->read_only);
  EXPECT_TRUE(disk->info.rotational);
  EXPECT_TRUE(part->is_partition());
  EXPECT_EQ(part->whole, disk->number);
  EXPECT_EQ(part->size, 100U * 512);
  EXPECT_EQ(part->logical_block, 4096U);
}

TEST(ReadHost, KnowsReadOnlyDevicesAndTheDefaultSector) {
  FakeHost fake;
  fake.block("sr0", "11:0", 8);
  fake.attribute("sr0", "ro", "1");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.blocks.size(), 1U);
  EXPECT_TRUE(host.blocks[0].read_only);
  EXPECT_EQ(host.blocks[0].logical_block, 512U);
}

TEST(ReadHost, ReadsTheSlavesOfAStack) {
  FakeHost fake;
  fake.block("dm-0", "253:0", 8);
  fake.slave("dm-0", "sda1");
  fake.slave("dm-0", "sdb");
  auto slaves = read_host(fake.paths()).blocks.at(0).slaves;
  std::sort(slaves.begin(), slaves.end());
  EXPECT_EQ(slaves, (std::vector<std::string>{"sda1", "sdb"}));
}

TEST(ReadHost, ReadsWhatADeviceSaysOfItself) {
  FakeHost fake;
  fake.block("nvme0n1", "259:0", 8);
  fake.attribute("nvme0n1", "wwid", "eui.0123456789abcdef");
  fake.attribute("nvme0n1", "device/model", "Model Name           ");
  fake.attribute("nvme0n1", "device/serial", "S3R14L");
  fake.attribute("nvme0n1", "device/firmware_rev", "1.0");
  const DeviceInfo info = read_host(fake.paths()).blocks.at(0).info;
  EXPECT_EQ(info.wwn, "eui.0123456789abcdef");
  EXPECT_EQ(info.model, "Model Name");
  EXPECT_EQ(info.serial, "S3R14L");
  EXPECT_EQ(info.revision, "1.0");
  EXPECT_EQ(info.transport, "nvme");
  EXPECT_FALSE(info.rotational);
}

TEST(ReadHost, ReadsTheSerialNumberOfAScsiDisk) {
  FakeHost fake;
  fake.block("sda", "8:0", 8);
  const auto serial_of = [&](std::string_view page) {
    fake.attribute("sda", "device/vpd_pg80", std::string(page));
    return read_host(fake.paths()).blocks.at(0).info.serial;
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(serial_of("\0\x80\0\x06SN 123"sv), "SN 123");
  EXPECT_EQ(serial_of("\0\x80\0\x0a    S\x07N1  more"sv), "SN1");
  EXPECT_EQ(serial_of("\0\x80\0\x04    "sv), "");
  EXPECT_EQ(serial_of("\0\x80\xff\xffSN"sv), "SN");
  EXPECT_EQ(serial_of("\0\x80"sv), "");
}

TEST(ReadHost, LeavesOutWhatHasNoDeviceNumber) {
  FakeHost fake;
  fake.block("sda", "8:0", 8);
  fake.root().write("sys/block/odd/dev", "not a number\n");
  fake.root().write("sys/block/odder/dev", "8;4\n");
  fake.root().directory("sys/block/empty");
  fake.root().directory("sys/block/sda/queue");  // a directory that is no partition
  fake.root().write("sys/block/sda/sda9/partition", "9\n");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.blocks.size(), 1U);
  EXPECT_EQ(host.blocks[0].name, "sda");
}

TEST(ReadHost, FindsTheFileBehindALoopDevice) {
  FakeHost fake;
  const std::string image = fake.root().file("image", 512);
  fake.block("loop0", "7:0", 1);
  fake.attribute("loop0", "loop/backing_file", image);
  fake.block("loop1", "7:1", 0);
  fake.block("loop2", "7:2", 0);
  fake.attribute("loop2", "loop/backing_file", fake.root() / "gone");
  const BlockTopology host = read_host(fake.paths());
  struct stat st {};
  ASSERT_EQ(::stat(image.c_str(), &st), 0);
  ASSERT_TRUE(host.find(std::string("loop0"))->backing);
  EXPECT_EQ(*host.find(std::string("loop0"))->backing, (NodeId{false, st.st_dev, st.st_ino}));
  EXPECT_FALSE(host.find(std::string("loop1"))->backing);
  EXPECT_FALSE(host.find(std::string("loop2"))->backing);
}

TEST(ReadHost, ReadsMountsWithTheirEscapes) {
  FakeHost fake;
  fake.mount("8:1", "/with\\040space", "ext4", "/dev/does-not-exist");
  fake.mount("0:40", "/pool", "btrfs", "none");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.mounts.size(), 2U);
  EXPECT_EQ(host.mounts[0].device, makedev(8, 1));
  EXPECT_EQ(host.mounts[0].target, "/with space");
  EXPECT_EQ(host.mounts[0].type, "ext4");
  EXPECT_FALSE(host.mounts[0].source);
  EXPECT_EQ(host.mounts[1].device, makedev(0, 40));
  EXPECT_FALSE(host.mounts[1].source);
}

TEST(ReadHost, ASourceThatIsAFileIsNoBlockDevice) {
  FakeHost fake;
  fake.mount("8:1", "/image", "ext4", fake.root().file("image", 1));
  const BlockTopology host = read_host(fake.paths());
  ASSERT_TRUE(host.mounts.at(0).source);
  EXPECT_FALSE(host.mounts[0].source->block);
}

TEST(ReadHost, ReadsTheMountsOfEveryNamespaceOnce) {
  FakeHost fake;
  fake.mount("8:1", "/", "ext4", "/dev/x");
  const std::string own = FakeHost::mount_line("8:1", "/", "ext4", "/dev/x");
  fake.mount_in_process(1, "mnt:[1]", own);
  fake.mount_in_process(20, "mnt:[2]", own + FakeHost::mount_line("8:16", "/in-a-container", "xfs", "/dev/y"));
  fake.mount_in_process(30, "mnt:[2]", FakeHost::mount_line("8:32", "/never-read", "xfs", "/dev/z"));
  fake.root().write("proc/not-a-process/mountinfo", FakeHost::mount_line("8:48", "/neither", "xfs", "/dev/z"));
  const BlockTopology host = read_host(fake.paths());
  const auto at = [&](const std::string& target) {
    return std::count_if(host.mounts.begin(), host.mounts.end(), [&](auto& m) { return m.target == target; });
  };
  EXPECT_EQ(at("/"), 1);
  // One process stands for its namespace; which of the two is read is up to the order of the directory.
  EXPECT_EQ(at("/in-a-container") + at("/never-read"), 1);
  EXPECT_EQ(at("/neither"), 0);
}

TEST(ReadHost, SurvivesABrokenMountinfo) {
  FakeHost fake;
  fake.root().write("proc/self/mountinfo", "this is not a mount\n\n36 35\n");
  const BlockTopology host = read_host(fake.paths());
  EXPECT_TRUE(host.mounts.empty());
  EXPECT_EQ(host.blind_spots.size(), 1U);
}

ino_t inode_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

TEST(ReadHost, ReadsSwapFiles) {
  FakeHost fake;
  const std::string file = fake.root().file("swapfile", 1);
  fake.swap(file);
  fake.swap(fake.root() / "gone");
  const BlockTopology host = read_host(fake.paths());
  ASSERT_EQ(host.swaps.size(), 2U);
  EXPECT_EQ(host.swaps[0].path, file);
  EXPECT_EQ(host.swaps[0].node.inode, inode_of(file));
  EXPECT_EQ(host.swaps[1].node, NodeId{}) << "known by its path alone";
}

TEST(ReadKernelCounters, ReadsTheStatFile) {
  FakeHost fake;
  fake.root().write("sys/dev/block/8:0/stat", "  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n");
  const auto counters = read_kernel_counters(makedev(8, 0), fake.paths());
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->read_ios, 1U);
  EXPECT_EQ(counters->read_bytes, 3U * 512);
  EXPECT_EQ(counters->write_ios, 5U);
  EXPECT_EQ(counters->write_bytes, 7U * 512);
  EXPECT_EQ(counters->discard_ios, 12U);
  EXPECT_EQ(counters->discard_bytes, 14U * 512);
}

TEST(ReadKernelCounters, AddsUpSeveralDisks) {
  FakeHost fake;
  fake.root().write("sys/dev/block/8:0/stat", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n");
  fake.root().write("sys/dev/block/8:16/stat", "1 0 10 0 1 0 20 0 0 0 0 0 0 0 0\n");
  const auto sum = read_kernel_counters(std::vector<dev_t>{makedev(8, 0), makedev(8, 16)}, fake.paths());
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->read_bytes, 13U * 512);
  EXPECT_EQ(sum->write_bytes, 27U * 512);
  EXPECT_FALSE(read_kernel_counters(std::vector<dev_t>{makedev(8, 0), makedev(8, 32)}, fake.paths()));
}

TEST(ReadKernelCounters, SaysNothingWithoutACompleteFile) {
  FakeHost fake;
  EXPECT_FALSE(read_kernel_counters(makedev(8, 0), fake.paths()));
  fake.root().write("sys/dev/block/8:0/stat", "1 2 3 4 5 6 7 8 9 10 11\n");  // a kernel without discards
  EXPECT_FALSE(read_kernel_counters(makedev(8, 0), fake.paths()));
}

}  // namespace
}  // namespace spliced::device
