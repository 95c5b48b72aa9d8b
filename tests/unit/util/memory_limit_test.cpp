// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/memory_limit.h"

#include "unit/device/temp_dir.h"

namespace spliced::util {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr const char* kNone1 = "9223372036854771712\n";  // how version 1 says that there is no limit

// A machine in a directory.
struct MemoryLimitTest : ::testing::Test {
  void process(const std::string& groups, const std::string& mounts) {
    dir.write("proc/self/cgroup", groups);
    dir.write("proc/self/mountinfo", mounts);
  }
  void group1(const std::string& path, const std::string& limit, std::uint64_t usage = 0, std::uint64_t cached = 0) {
    dir.write(path + "/memory.limit_in_bytes", limit + "\n");
    dir.write(path + "/memory.usage_in_bytes", std::to_string(usage) + "\n");
    dir.write(path + "/memory.stat", "inactive_file 1\ntotal_inactive_file " + std::to_string(cached) +
                                         "\ntotal_active_file " + std::to_string(cached) + "\n");
  }
  void group2(const std::string& path, const std::string& max, std::uint64_t usage = 0, std::uint64_t cached = 0) {
    dir.write(path + "/memory.max", max + "\n");
    dir.write(path + "/memory.high", "max\n");
    dir.write(path + "/memory.current", std::to_string(usage) + "\n");
    dir.write(path + "/memory.stat", "anon 5\nactive_file " + std::to_string(cached) + "\ninactive_file " +
                                         std::to_string(cached) + "\nslab_reclaimable " + std::to_string(cached) +
                                         "\n");
  }
  [[nodiscard]] std::optional<MemoryBound> read() const { return MemoryLimit(dir.path()).read(); }
  [[nodiscard]] std::uint64_t limit() const { return read().value_or(MemoryBound{}).limit; }
  [[nodiscard]] std::string path() const { return read().value_or(MemoryBound{}).path; }

  static constexpr const char* kMount1 =
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
  static constexpr const char* kMount2 =
      "25 18 0:22 / /sys/fs/cgroup rw,nosuid master:4 - cgroup2 cgroup2 rw,nsdelegate\n";
  testing::TempDir dir;
};

TEST_F(MemoryLimitTest, WithoutGroupsThereIsNone) {
  EXPECT_FALSE(read());
  process("", "");
  EXPECT_FALSE(read());
  process("garbage\n:\n0::/a\n", "garbage\n\n1 2 3\n- -\n");
  EXPECT_FALSE(read());
}

TEST_F(MemoryLimitTest, TheMachineItselfIsALimit) {
  dir.write("proc/meminfo", "MemTotal:        2048 kB\nMemFree:  1 kB\nMemAvailable:    512 kB\n");
  const auto bound = read();
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->limit, 2 * kMiB);
  EXPECT_EQ(bound->left(), kMiB / 2);
  EXPECT_EQ(bound->path, "/proc/meminfo");
  process("4:memory:/a\n", kMount1);
  group1("sys/fs/cgroup/memory/a", std::to_string(8 * kMiB));
  EXPECT_EQ(path(), "/proc/meminfo") << "a group may be allowed more than there is";
  group1("sys/fs/cgroup/memory/a", std::to_string(kMiB / 4));
  EXPECT_EQ(path(), "/sys/fs/cgroup/memory/a/memory.limit_in_bytes");
  for (const char* wrong :
       {"", "MemTotal: 5 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n", "MemTotal:\nMemAvailable:\n"}) {
    dir.write("proc/meminfo", wrong);
    EXPECT_EQ(path(), "/sys/fs/cgroup/memory/a/memory.limit_in_bytes") << wrong;
  }
}

TEST_F(MemoryLimitTest, Version1) {
  process("5:devices:/x\n4:memory:/a/b\n0::/\n", kMount1);
  group1("sys/fs/cgroup/memory/a/b", std::to_string(300 * kMiB), 100 * kMiB, 20 * kMiB);
  const auto bound = read();
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->limit, 300 * kMiB);
  EXPECT_EQ(bound->used, 60 * kMiB) << "without the pages of files";
  EXPECT_EQ(bound->left(), 240 * kMiB);
  EXPECT_EQ(bound->path, "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes");
}

TEST_F(MemoryLimitTest, Version2) {
  process("0::/system.slice/spliced.service\n", kMount2);
  group2("sys/fs/cgroup/system.slice/spliced.service", std::to_string(300 * kMiB), 100 * kMiB, 10 * kMiB);
  const auto bound = read();
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->limit, 300 * kMiB);
  EXPECT_EQ(bound->used, 70 * kMiB);
  EXPECT_EQ(bound->path, "/sys/fs/cgroup/system.slice/spliced.service/memory.max");
}

TEST_F(MemoryLimitTest, NoLimitIsNone) {
  process("4:memory:/a\n", kMount1);
  group1("sys/fs/cgroup/memory/a", "9223372036854771712");
  dir.write("sys/fs/cgroup/memory/memory.limit_in_bytes", kNone1);
  EXPECT_FALSE(read());
  process("0::/a\n", kMount2);
  group2("sys/fs/cgroup/a", "max");
  EXPECT_FALSE(read());
}

TEST_F(MemoryLimitTest, MemoryHighIsALimitToo) {
  process("0::/a\n", kMount2);
  group2("sys/fs/cgroup/a", std::to_string(300 * kMiB));
  dir.write("sys/fs/cgroup/a/memory.high", std::to_string(200 * kMiB));
  EXPECT_EQ(limit(), 200 * kMiB);
  EXPECT_EQ(path(), "/sys/fs/cgroup/a/memory.high");
}

TEST_F(MemoryLimitTest, GroupsAboveCountAndTheLeastThatIsLeftHolds) {
  process("0::/a/b/c\n", kMount2);
  group2("sys/fs/cgroup/a/b/c", "max");
  group2("sys/fs/cgroup/a/b", std::to_string(500 * kMiB), 450 * kMiB);  // neighbours use most of it
  group2("sys/fs/cgroup/a", std::to_string(200 * kMiB), 100 * kMiB);
  EXPECT_EQ(path(), "/sys/fs/cgroup/a/b/memory.max");
  EXPECT_EQ(read()->left(), 50 * kMiB);
  group2("sys/fs/cgroup/a/b", std::to_string(500 * kMiB), 100 * kMiB);
  EXPECT_EQ(path(), "/sys/fs/cgroup/a/memory.max");
  process("4:memory:/a/b/c\n", kMount1);
  group1("sys/fs/cgroup/memory", "400");
  EXPECT_EQ(path(), "/sys/fs/cgroup/memory/memory.limit_in_bytes") << "up to the top";
}

TEST_F(MemoryLimitTest, OthersAreNotLookedAt) {
  process("0::/a/bc\n", kMount2);
  group2("sys/fs/cgroup/a/b", "1");
  group2("sys/fs/cgroup/a/bc/d", "1");
  EXPECT_FALSE(read());
  process("5:cpu,memory_other:/a\n0::/\n", kMount1);
  group1("sys/fs/cgroup/memory/a", "1");
  EXPECT_FALSE(read());
}

// Version 2 for systemd, memory in version 1: what is set in either holds.
TEST_F(MemoryLimitTest, HybridHierarchies) {
  process("4:cpu,memory:/a\n0::/u\n",
          std::string("35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n") +
              "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  dir.write("sys/fs/cgroup/unified/u/cgroup.procs", "1\n");
  group1("sys/fs/cgroup/memory/a", std::to_string(64 * kMiB));
  EXPECT_EQ(limit(), 64 * kMiB);
  group2("sys/fs/cgroup/unified/u", std::to_string(32 * kMiB));
  EXPECT_EQ(path(), "/sys/fs/cgroup/unified/u/memory.max");
}

// In a cgroup namespace paths begin at its root, and so does what is mounted in it.
TEST_F(MemoryLimitTest, InANamespaceTheTopOfTheMountIsTheOwnGroup) {
  process("0::/\n", kMount2);
  group2("sys/fs/cgroup", std::to_string(64 * kMiB));
  EXPECT_EQ(path(), "/sys/fs/cgroup/memory.max");
  process("0::/inner\n", kMount2);
  group2("sys/fs/cgroup/inner", std::to_string(32 * kMiB));
  EXPECT_EQ(path(), "/sys/fs/cgroup/inner/memory.max");
}

// A container without a namespace of its own: a part of the hierarchy is mounted, the path is the whole one.
TEST_F(MemoryLimitTest, WhereAPartOfTheHierarchyIsMounted) {
  process("4:memory:/docker/by-\\x2d/in\n",
          "35 31 0:32 /docker/by-\\134x2d /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  group1("sys/fs/cgroup/memory/in", std::to_string(64 * kMiB));
  EXPECT_EQ(limit(), 64 * kMiB);
  process("4:memory:/docker/by-\\x2d\n",
          "35 31 0:32 /docker/by-\\134x2d /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  group1("sys/fs/cgroup/memory", std::to_string(32 * kMiB));
  EXPECT_EQ(limit(), 32 * kMiB);
}

TEST_F(MemoryLimitTest, WhatCannotBeSeenLimitsNothing) {
  process("4:memory:/elsewhere\n", "35 31 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  group1("sys/fs/cgroup/memory", "1");
  EXPECT_FALSE(read()) << "another group than the process's own";
  process("0::/../other\n", kMount2);
  group2("sys/fs/cgroup", "1");
  EXPECT_FALSE(read()) << "moved out of its namespace";
  process("4:memory:/docker/xy\n", "35 31 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  EXPECT_FALSE(read());
}

// The mount is that of the host, the namespace a later one: which group of those below the top is not told.
TEST_F(MemoryLimitTest, AMountFromOutsideTheNamespaceShowsAGroupAbove) {
  process("0::/\n", "25 18 0:22 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  group2("sys/fs/cgroup", std::to_string(64 * kMiB));
  EXPECT_EQ(limit(), 64 * kMiB);
}

TEST_F(MemoryLimitTest, IsReadAnewEachTime) {
  process("0::/a\n", kMount2);
  group2("sys/fs/cgroup/a", std::to_string(64 * kMiB));
  const MemoryLimit memory(dir.path());
  EXPECT_EQ(memory.read()->limit, 64 * kMiB);
  group2("sys/fs/cgroup/a", std::to_string(32 * kMiB));
  EXPECT_EQ(memory.read()->limit, 32 * kMiB);
}

TEST_F(MemoryLimitTest, MoreInUseThanIsAllowedLeavesNothing) {
  EXPECT_EQ((MemoryBound{100, 200, ""}.left()), 0U);
}

}  // namespace
}  // namespace spliced::util
