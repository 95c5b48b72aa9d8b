// SPDX-License-Identifier: Apache-2.0
// What is on a target and who uses it, as TargetAdmission judges it.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "admission_fixture.h"
#include "signatures.h"

namespace spliced::device {
namespace {

using testing::contains;

struct GateSafetyTest : testing::AdmissionFixture {
  std::string ext2 = dir.write("ext2", testing::ext2_image());
  std::string swap = dir.write("swap", testing::swap_image());
};
INSTANTIATE_TEST_SUITE_P(All, GateSafetyTest, testing::openat2_answers(), testing::openat2_name);

TEST_P(GateSafetyTest, AFileSystemIsRefusedAndNamed) {
  EXPECT_TRUE(contains(refusal(ext2, writing()), "carries a signature: ext2"));
  EXPECT_TRUE(contains(refusal(swap, writing()), "carries a signature: swap"));
  EXPECT_TRUE(contains(refusal(swap, writing()), "/overwrite_signatures"));
  EXPECT_EQ(code, util::Errc::conflict);
}

TEST_P(GateSafetyTest, ASignatureThatIsNamedMayBeLost) {
  Access access = writing();
  access.overwrite_signatures = {"ext2"};
  EXPECT_EQ(refusal(ext2, access), "");
  EXPECT_TRUE(contains(refusal(swap, access), "carries a signature: swap"));
  access.overwrite_signatures = {"ext2", "swap"};
  EXPECT_EQ(refusal(swap, access), "");
  access.overwrite_signatures = {"all"};
  EXPECT_EQ(refusal(swap, access), "");
}

TEST_P(GateSafetyTest, ReadersDoNotLookAtSignatures) {
  EXPECT_EQ(refusal(ext2, reading()), "");
  EXPECT_EQ(refusal(swap, reading()), "");
}

TEST_P(GateSafetyTest, ARefusedTargetIsUnchanged) {
  EXPECT_NE(refusal(ext2, writing()), "");
  std::ifstream in(ext2, std::ios::binary);
  const std::string now((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(now, testing::ext2_image());
}

TEST_P(GateSafetyTest, WhatBecameAFileSystemAfterTheClaimIsRefused) {
  const std::string path = dir.file("target", testing::ext2_image().size());
  auto target = admission.claim(path, writing(), "job-1", admission.host());
  ASSERT_TRUE(target) << all_of(target.error());
  ASSERT_TRUE(admission.confirm(*target, writing(), admission.host()));
  dir.write("target", testing::ext2_image());
  const auto status = admission.confirm(*target, writing(), admission.host());
  ASSERT_FALSE(status);
  EXPECT_TRUE(contains(all_of(status.error()), "carries a signature: ext2")) << all_of(status.error());
}

TEST_P(GateSafetyTest, WhatCameIntoUseAfterTheClaimIsRefused) {
  const std::string path = dir.file("target", 8192);
  auto target = admission.claim(path, writing(), "job-1", admission.host());
  ASSERT_TRUE(target) << all_of(target.error());
  host.swap(path);
  const auto status = admission.confirm(*target, writing(), admission.host());
  ASSERT_FALSE(status);
  EXPECT_TRUE(contains(all_of(status.error()), "swap area " + path)) << all_of(status.error());
}

TEST_P(GateSafetyTest, ASwapFileInUseIsRefused) {
  host.swap(swap);
  EXPECT_TRUE(contains(refusal(swap, reading()), "swap area " + swap));
}

TEST_P(GateSafetyTest, TheFileOfALoopDeviceIsRefused) {
  const std::string image = dir.file("image", 8192);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", image);
  EXPECT_TRUE(contains(refusal(image, reading()), "the backing of loop0"));
  Access access = reading();
  access.allow_in_use = true;
  EXPECT_EQ(refusal(image, access), "");
}

TEST_P(GateSafetyTest, AWriterIsRefusedEvenIfItAllowsUse) {
  const std::string image = dir.file("image", 8192);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", image);
  Access access = writing();
  access.allow_in_use = true;
  EXPECT_TRUE(contains(refusal(image, access), "the backing of loop0"));
}

TEST_P(GateSafetyTest, EverythingInTheWayIsSaidAtOnce) {
  host.swap(swap);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", swap);
  const Inspection inspection = admission.inspect(swap, writing(), admission.host());
  EXPECT_EQ(inspection.refusals.size(), 3U);
  auto opened = admission.open(swap, writing(), "job-1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().details.size(), 3U);
}

TEST_P(GateSafetyTest, AnOverviewLooksForSignaturesLast) {
  host.swap(swap);
  Access access = writing();
  access.signatures_last = true;
  EXPECT_EQ(admission.inspect(swap, access, admission.host()).refusals.size(), 1U);
  EXPECT_EQ(admission.inspect(ext2, access, admission.host()).refusals.size(), 1U);
}

TEST_P(GateSafetyTest, WhereSignaturesCannotBeReadTheWayIsNamed) {
  int looks = 0;
  calls.signatures = [&](int) -> util::Result<std::vector<std::string>> {
    ++looks;
    return util::fail(util::Errc::system, "4096 bytes at offset 65536 cannot be read: Input/output error", EIO);
  };
  TargetAdmission blind{AllowList({dir.path() + "/"}), host.paths(), calls};
  auto opened = blind.open(swap, writing(), "job-1");
  ASSERT_FALSE(opened);
  EXPECT_TRUE(contains(opened.error().message, "4096 bytes at offset 65536 cannot be read: Input/output error"));
  EXPECT_TRUE(contains(opened.error().message, R"(/overwrite_signatures to ["all"])"));
  looks = 0;
  Access access = writing();
  access.overwrite_signatures = {"all"};
  EXPECT_TRUE(blind.open(swap, access, "job-1"));
  EXPECT_EQ(looks, 0) << "a disk that does not answer is not asked either";
}

// The machine is not what it seems where parts of it are hidden.
TEST_P(GateSafetyTest, WithoutSysfsOrMountsNothingIsWritten) {
  const std::string file = dir.file("file", 8192);
  Access shared = reading();
  shared.allow_in_use = true;
  Access create = writing();
  create.create_bytes = 4096;
  for (const char* hidden : {"sys/block", "proc/self/mountinfo"}) {
    const std::string path = host.root() / hidden;
    std::filesystem::rename(path, path + ".hidden");
    EXPECT_TRUE(contains(refusal(file, writing()), path + ": No such file or directory"));
    EXPECT_EQ(code, util::Errc::conflict);
    EXPECT_NE(refusal(file, reading()), "") << "it cannot be told to be the reader's own";
    EXPECT_EQ(refusal(file, shared), "");
    EXPECT_NE(refusal(dir / "new", create), "");
    EXPECT_FALSE(dir.has("new"));
    EXPECT_TRUE(contains(admission.blind_spots().at(0), path));
    std::filesystem::rename(path + ".hidden", path);
  }
  EXPECT_EQ(refusal(file, writing()), "");
  EXPECT_TRUE(admission.blind_spots().empty());
}

TEST_P(GateSafetyTest, ALoopDeviceOverAnUnknownFileMayBeOverAnyOnItsFileSystem) {
  const std::string file = dir.file("file", 8192);
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", "/gone/image");
  EXPECT_TRUE(contains(refusal(file, writing()), "cannot be told which file or disk loop0 writes to (/gone/image"));
  EXPECT_EQ(admission.inspect(file, writing(), admission.host()).refusals.at(0).reason, util::Reason::unknown_use);
  host.mountinfo("2000000020 1 0:4711 / /gone rw - nfs server:/ rw\n2000000021 1 " +
                 testing::FakeHost::number_of(file) + " / / rw - testfs none rw\n");
  EXPECT_EQ(refusal(file, writing()), "") << "it lies elsewhere";
  EXPECT_TRUE(admission.blind_spots().empty()) << "it concerns some targets, not all";
}

TEST_P(GateSafetyTest, AFileInALayerOfAnOverlayIsInUse) {
  const std::string file = dir.write("layers/up,per/img", std::string(8192, 'x'));
  const std::string beside = dir.write("layers/up,per2/img", std::string(8192, 'x'));
  const std::string number = testing::FakeHost::number_of(dir.path());
  const std::string upper = dir / "layers/up\\054per";
  host.mountinfo("2000000020 1 " + number +
                 " / / rw - ext4 none rw\n2000000021 20 0:4711 / /merged rw - overlay overlay rw," +
                 "lowerdir=/lower,upperdir=" + upper + ",workdir=/work\n");
  Access create = writing();
  create.create_bytes = 4096;
  const std::string reason = "up,per, the upper directory of the overlay mounted at /merged";
  EXPECT_TRUE(contains(refusal(file, writing()), reason)) << refusal(file, writing());
  EXPECT_TRUE(contains(refusal(dir / "layers/up,per/new", create), reason));
  EXPECT_EQ(refusal(beside, writing()), "");
}

// Through another mount of the same file system, only the inode of the directory tells.
TEST_P(GateSafetyTest, ALayerIsKnownByItsInodeToo) {
  const std::string file = dir.write("lower/deep/img", std::string(8192, 'x'));
  BlockTopology view = admission.host();
  struct stat st {};
  ASSERT_EQ(::stat((dir / "lower").c_str(), &st), 0);
  view.layers.push_back({"/other/lower", "lower", "/merged", std::nullopt, NodeId{false, st.st_dev, st.st_ino}});
  EXPECT_EQ(admission.inspect(file, writing(), view).refusals.size(), 1U);
  EXPECT_EQ(admission.inspect(ext2, writing(), view).refusals.size(), 1U) << "its signature alone";
}

// A layer holds what is on its own file system, not what is mounted below it.
TEST_P(GateSafetyTest, WhatIsMountedInALayerIsNotInIt) {
  struct stat root {};
  struct stat shm {};
  ASSERT_EQ(::stat("/", &root), 0);
  if (::stat("/dev/shm", &shm) != 0 || shm.st_dev == root.st_dev) GTEST_SKIP() << "nothing is mounted at /dev/shm";
  const testing::TempDir mounted("/dev/shm");
  admission.set_allow_list(AllowList({mounted.path() + "/"}));
  const std::string file = mounted.file("img", 8192);
  BlockTopology view = admission.host();
  view.layers.push_back({"/", "lower", "/merged", std::nullopt, NodeId{false, root.st_dev, root.st_ino}});
  EXPECT_TRUE(admission.inspect(file, writing(), view).refusals.empty());
}

TEST_P(GateSafetyTest, AFileThatIsWrittenIsNotToBeHadThroughALoopDevice) {
  const std::string image = dir.file("image", 8192);
  auto first = admission.open(image, writing(), "job-1");
  ASSERT_TRUE(first) << all_of(first.error());
  host.block("loop0", "7:0", 16);
  host.attribute("loop0", "loop/backing_file", image);
  const BlockTopology view = admission.host();
  const auto stack = stack_of(block_id(view.find(std::string("loop0"))->number), view);
  TargetFacts loop;
  loop.stack = stack;
  EXPECT_EQ(admission.job_holding(loop), "job-1");
}

// A node for a disk that only exists in the fake sysfs.
struct GateDeviceTest : GateSafetyTest {
  [[nodiscard]] std::string node(const std::string& name, unsigned major, unsigned minor) const {
    const std::string path = dir / name;
    return ::mknod(path.c_str(), S_IFBLK | 0600, makedev(major, minor)) == 0 ? path : "";
  }
};
INSTANTIATE_TEST_SUITE_P(All, GateDeviceTest, testing::openat2_answers(), testing::openat2_name);

TEST_P(GateDeviceTest, ANodeOpensNoDeviceThatIsNotAllowed) {
  host.block("sdx", "8:240", 2000);
  const std::string path = node("node", 8, 240);
  if (path.empty()) GTEST_SKIP() << "may not make device nodes";
  Access access = writing();
  access.no_signatures = true;
  const auto reasons = [&] { return admission.inspect(path, access, admission.host()).refusals; };
  ASSERT_EQ(reasons().size(), 1U);
  EXPECT_TRUE(contains(reasons()[0].text, "leads to /dev/sdx, which is outside the --allow patterns"));
  admission.set_allow_list(AllowList({dir.path() + "/", "/dev/sd*"}));
  EXPECT_TRUE(reasons().empty());
}

TEST_P(GateDeviceTest, AHostManagedDiskIsOnlyRead) {
  admission.set_allow_list(AllowList({"/"}));
  host.block("sdx", "8:240", 2000);
  host.block("sdx/sdx1", "8:241", 1000);
  host.attribute("sdx", "queue/zoned", "host-managed");
  host.attribute("sdx", "queue/nr_zones", "55880");
  host.attribute("sdx", "queue/chunk_sectors", "524288");
  const std::string disk = node("disk", 8, 240);
  const std::string part = node("part", 8, 241);
  if (part.empty()) GTEST_SKIP() << "may not make device nodes";
  Access access = writing();
  access.overwrite_signatures = {"all"};
  const auto reason = [&](const std::string& path) {
    return admission.inspect(path, access, admission.host()).refusals.at(0);
  };
  const std::string what = "is a host-managed zoned disk (55,880 zones of 256 MiB): only reading is offered";
  EXPECT_TRUE(contains(reason(disk).text, what)) << reason(disk).text;
  EXPECT_TRUE(contains(reason(part).text, "lies on sdx, which " + what)) << reason(part).text;
  EXPECT_EQ(reason(disk).reason, util::Reason::zoned);
  const Inspection read = admission.inspect(disk, reading(), admission.host());
  EXPECT_TRUE(read.refusals.empty());
  ASSERT_TRUE(read.facts.zoned);
  EXPECT_EQ(read.facts.zoned->zones, 55880U);
  host.attribute("sdx", "queue/zoned", "drive-in");
  EXPECT_TRUE(contains(reason(disk).text, "/sdx/queue/zoned says \"drive-in\"")) << reason(disk).text;
}

TEST_P(GateDeviceTest, TwoPathsToOneDiskAreOneDisk) {
  admission.set_allow_list(AllowList({"/"}));
  for (const char* name : {"sdx", "sdy"}) host.block(name, name == std::string("sdx") ? "8:240" : "65:0", 2000);
  for (const char* name : {"sdx", "sdy"}) host.attribute(name, "device/wwid", "naa.5000c500a1b2c3d4");
  const std::string one = node("one", 8, 240);
  const std::string two = node("two", 65, 0);
  if (two.empty()) GTEST_SKIP() << "may not make device nodes";
  const BlockTopology view = admission.host();
  const TargetFacts a = admission.inspect(one, reading(), view).facts;
  const TargetFacts b = admission.inspect(two, reading(), view).facts;
  EXPECT_NE(a.id, b.id);
  EXPECT_TRUE(share_a_disk(a, b));
}

TEST(RefusalError, IsAConflictWhenOneReasonIs) {
  const util::Error conflict =
      refusal_error("/dev/x", {{"is a directory", util::Reason::not_a_target}, {"is busy", util::Reason::busy}});
  EXPECT_EQ(conflict.code, util::Errc::conflict);
  EXPECT_EQ(conflict.message, "/dev/x is a directory; /dev/x is busy");
  ASSERT_EQ(conflict.details.size(), 2U);
  EXPECT_EQ(conflict.details[1].detail, "/dev/x is busy");
  EXPECT_EQ(refusal_error("/dev/x", {{"is a directory", util::Reason::not_a_target}}).code, util::Errc::invalid);
}

}  // namespace
}  // namespace spliced::device
