#include "spliced/device/host.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "fake_host.h"

namespace spliced::device {
namespace {

using testing::FakeHost;

TEST(HostView, FindsBlocksByNumberAndByName) {
  HostView host;
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

TEST(HostView, NamesTheFileSystemOfADeviceNumber) {
  HostView host;
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
  const HostView host = read_host({dir / "sys", dir / "proc", dir / "dev"});
  EXPECT_TRUE(host.blocks.empty());
  EXPECT_TRUE(host.mounts.empty());
  EXPECT_TRUE(host.swaps.empty());
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
  const HostView host = read_host(fake.paths());
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
  const HostView host = read_host(fake.paths());
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

TEST(ReadHost, LeavesOutWhatHasNoDeviceNumber) {
  FakeHost fake;
  fake.block("sda", "8:0", 8);
  fake.root().write("sys/block/odd/dev", "not a number\n");
  fake.root().write("sys/block/odder/dev", "8;4\n");
  fake.root().directory("sys/block/empty");
  fake.root().directory("sys/block/sda/queue");  // a directory that is no partition
  fake.root().write("sys/block/sda/sda9/partition", "9\n");
  const HostView host = read_host(fake.paths());
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
  const HostView host = read_host(fake.paths());
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
  const HostView host = read_host(fake.paths());
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
  const HostView host = read_host(fake.paths());
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
  const HostView host = read_host(fake.paths());
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
  EXPECT_TRUE(read_host(fake.paths()).mounts.empty());
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
  const HostView host = read_host(fake.paths());
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

TEST(ReadKernelCounters, SaysNothingWithoutACompleteFile) {
  FakeHost fake;
  EXPECT_FALSE(read_kernel_counters(makedev(8, 0), fake.paths()));
  fake.root().write("sys/dev/block/8:0/stat", "1 2 3 4 5 6 7 8 9 10 11\n");  // a kernel without discards
  EXPECT_FALSE(read_kernel_counters(makedev(8, 0), fake.paths()));
}

}  // namespace
}  // namespace spliced::device
