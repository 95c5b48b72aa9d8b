// SPDX-License-Identifier: Apache-2.0
#include "spliced/device/claim.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace spliced::device {
namespace {

const NodeId kDisk = block_id(0x800);
const NodeId kFirst = block_id(0x801);
const NodeId kNext = block_id(0x802);
const NodeId kOther = block_id(0x810);
const NodeId kFile{false, 0x801, 42};

struct ClaimTableTest : ::testing::Test {
  [[nodiscard]] bool acquire(const NodeId& node, const NodeId& whole, const std::string& job, Claim& out) {
    holder.clear();
    return table.acquire({node, whole}, job, out, holder);
  }
  ClaimTable table;
  std::string holder;
};

TEST_F(ClaimTableTest, ADiskIsTakenOnce) {
  Claim first;
  Claim second;
  ASSERT_TRUE(acquire(kDisk, kDisk, "one", first));
  EXPECT_EQ(holder, "");
  EXPECT_FALSE(acquire(kDisk, kDisk, "two", second));
  EXPECT_EQ(holder, "one");
}

TEST_F(ClaimTableTest, TheSameJobCannotTakeATargetTwice) {
  Claim first;
  Claim second;
  ASSERT_TRUE(acquire(kFile, kFile, "one", first));
  EXPECT_FALSE(acquire(kFile, kFile, "one", second));
  EXPECT_EQ(holder, "one");
}

TEST_F(ClaimTableTest, ADiskExcludesItsPartitions) {
  Claim disk;
  Claim part;
  ASSERT_TRUE(acquire(kDisk, kDisk, "one", disk));
  EXPECT_FALSE(acquire(kFirst, kDisk, "two", part));
  EXPECT_EQ(holder, "one");
}

TEST_F(ClaimTableTest, APartitionExcludesItsDisk) {
  Claim disk;
  Claim part;
  ASSERT_TRUE(acquire(kFirst, kDisk, "one", part));
  EXPECT_FALSE(acquire(kDisk, kDisk, "two", disk));
  EXPECT_EQ(holder, "one");
}

TEST_F(ClaimTableTest, SisterPartitionsDoNotExcludeEachOther) {
  Claim first;
  Claim second;
  Claim disk;
  ASSERT_TRUE(acquire(kFirst, kDisk, "one", first));
  EXPECT_TRUE(acquire(kNext, kDisk, "two", second));
  first = Claim();
  EXPECT_FALSE(acquire(kDisk, kDisk, "three", disk));
  EXPECT_EQ(holder, "two");
  second = Claim();
  EXPECT_TRUE(acquire(kDisk, kDisk, "three", disk));
}

TEST_F(ClaimTableTest, OtherDisksAndFilesAreIndependent) {
  Claim a;
  Claim b;
  Claim c;
  ASSERT_TRUE(acquire(kFirst, kDisk, "one", a));
  EXPECT_TRUE(acquire(kOther, kOther, "two", b));
  // A file is named by the number of its file system's device, which is not that device.
  EXPECT_TRUE(acquire(kFile, kFile, "three", c));
}

TEST_F(ClaimTableTest, FilesOfOneFileSystemAreIndependent) {
  Claim a;
  Claim b;
  ASSERT_TRUE(acquire(kFile, kFile, "one", a));
  const NodeId sister{false, kFile.device, 43};
  EXPECT_TRUE(acquire(sister, sister, "two", b));
}

TEST_F(ClaimTableTest, TheDestructorGivesBack) {
  {
    Claim claim;
    ASSERT_TRUE(acquire(kDisk, kDisk, "one", claim));
    EXPECT_EQ(table.holder_of({kDisk, kDisk}), "one");
  }
  EXPECT_EQ(table.holder_of({kDisk, kDisk}), "");
  Claim again;
  EXPECT_TRUE(acquire(kDisk, kDisk, "two", again));
}

TEST_F(ClaimTableTest, HolderOfNamesTheJobInTheWay) {
  Claim claim;
  ASSERT_TRUE(acquire(kFirst, kDisk, "one", claim));
  EXPECT_EQ(table.holder_of({kFirst, kDisk}), "one");
  EXPECT_EQ(table.holder_of({kDisk, kDisk}), "one");
  EXPECT_EQ(table.holder_of({kNext, kDisk}), "");
  EXPECT_EQ(table.holder_of({kOther, kOther}), "");
}

TEST_F(ClaimTableTest, MovingAClaimKeepsItOnce) {
  Claim claim;
  ASSERT_TRUE(acquire(kDisk, kDisk, "one", claim));
  {
    Claim moved(std::move(claim));
    EXPECT_EQ(table.holder_of({kDisk, kDisk}), "one");
    Claim assigned;
    assigned = std::move(moved);
    EXPECT_EQ(table.holder_of({kDisk, kDisk}), "one");
  }
  EXPECT_EQ(table.holder_of({kDisk, kDisk}), "");
  Claim other;
  ASSERT_TRUE(acquire(kDisk, kDisk, "two", other));
  claim = Claim();  // it no longer owns anything
  EXPECT_EQ(table.holder_of({kDisk, kDisk}), "two");
}

TEST_F(ClaimTableTest, AssigningGivesTheFormerClaimBack) {
  Claim claim;
  Claim other;
  ASSERT_TRUE(acquire(kDisk, kDisk, "one", claim));
  ASSERT_TRUE(acquire(kOther, kOther, "two", other));
  claim = std::move(other);
  EXPECT_EQ(table.holder_of({kDisk, kDisk}), "");
  EXPECT_EQ(table.holder_of({kOther, kOther}), "two");
}

TEST_F(ClaimTableTest, ARefusedClaimLeavesTheCallersClaimAlone) {
  Claim mine;
  Claim theirs;
  ASSERT_TRUE(acquire(kOther, kOther, "mine", mine));
  ASSERT_TRUE(acquire(kDisk, kDisk, "theirs", theirs));
  EXPECT_FALSE(acquire(kDisk, kDisk, "mine", mine));
  EXPECT_EQ(table.holder_of({kOther, kOther}), "mine");
}

// A partition of a loop device over a file.
TEST_F(ClaimTableTest, WhatStandsOnATargetExcludesItAtAnyDepth) {
  const NodeId loop = block_id(0x700);
  const NodeId part = block_id(0x10300);
  Claim above;
  Claim below;
  ASSERT_TRUE(table.acquire({part, loop, kFile}, "one", above, holder));
  EXPECT_FALSE(table.acquire({kFile}, "two", below, holder));
  EXPECT_EQ(holder, "one");
  EXPECT_FALSE(table.acquire({loop, kFile}, "two", below, holder));
  above = Claim();
  ASSERT_TRUE(table.acquire({kFile}, "two", below, holder));
  EXPECT_FALSE(table.acquire({part, loop, kFile}, "three", above, holder));
  EXPECT_EQ(holder, "two");
}

TEST_F(ClaimTableTest, OneOfManyThreadsGetsTheTarget) {
  std::atomic<int> taken{0};
  std::vector<Claim> claims(8);
  {
    std::vector<std::jthread> threads;
    for (auto& claim : claims) {
      threads.emplace_back([&, this] {
        std::string in_the_way;
        if (table.acquire({kDisk}, "job", claim, in_the_way)) ++taken;
      });
    }
  }
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace spliced::device
