// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admission_fixture.h"

namespace spliced::device {
namespace {

using testing::contains;
using util::Errc;

struct TargetAdmissionTest : testing::AdmissionFixture {};
INSTANTIATE_TEST_SUITE_P(All, TargetAdmissionTest, testing::openat2_answers(), testing::openat2_name);

TEST_P(TargetAdmissionTest, OpensAnAllowedFile) {
  host.mount(testing::FakeHost::number_of(dir.path()), "/", "testfs", "none");
  const std::string path = dir.file("target", 8192);
  auto target = admission.open(path, reading(), "job-1");
  ASSERT_TRUE(target) << all_of(target.error());
  EXPECT_TRUE(target->fd);
  EXPECT_EQ(target->facts.given, path);
  EXPECT_EQ(target->facts.path, path);
  EXPECT_EQ(target->facts.name, path);
  EXPECT_EQ(target->facts.size, 8192U);
  EXPECT_EQ(target->facts.file_system, "testfs");
  EXPECT_FALSE(target->facts.block_device);
  EXPECT_TRUE(target->facts.exists);
  EXPECT_EQ(target->facts.id, target->facts.whole);
  EXPECT_FALSE(target->created.exists());
  EXPECT_EQ(::fcntl(target->fd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_NE(::fcntl(target->fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(TargetAdmissionTest, OpensForWritingOnlyWhatWillBeWritten) {
  auto target = admission.open(dir.file("target", 8192), writing(), "job-1");
  ASSERT_TRUE(target) << all_of(target.error());
  EXPECT_EQ(::fcntl(target->fd.get(), F_GETFL) & O_ACCMODE, O_RDWR);
}

TEST_P(TargetAdmissionTest, RefusesWhatIsOutsideThePatterns) {
  const testing::TempDir elsewhere;
  const std::string path = elsewhere.file("target", 8192);
  EXPECT_TRUE(contains(refusal(path, reading()), "is outside the --allow patterns of the daemon"));
  EXPECT_EQ(code, Errc::conflict);
}

TEST_P(TargetAdmissionTest, WithoutPatternsEverythingIsRefused) {
  admission.set_allow_list(AllowList());
  EXPECT_TRUE(contains(refusal(dir.file("target", 8192), reading()), "started without --allow"));
  EXPECT_FALSE(admission.allows(dir / "target"));
}

TEST_P(TargetAdmissionTest, ANewAllowListTakesEffect) {
  const std::string path = dir.file("target", 8192);
  admission.set_allow_list(AllowList({"/nowhere"}));
  EXPECT_NE(refusal(path, reading()), "");
  admission.set_allow_list(AllowList({path}));
  EXPECT_EQ(refusal(path, reading()), "");
}

TEST_P(TargetAdmissionTest, ALinkThatLeadsOutsideIsRefusedAndSaysWhereItLeads) {
  const testing::TempDir elsewhere;
  const std::string there = elsewhere.file("target", 8192);
  const std::string link = dir.link("link", there);
  EXPECT_TRUE(contains(refusal(link, reading()), "leads to " + there + ", which is outside the --allow patterns"));
}

TEST_P(TargetAdmissionTest, ALinkedDirectoryThatLeadsOutsideIsRefused) {
  const testing::TempDir elsewhere;
  elsewhere.file("target", 8192);
  dir.link("sub", elsewhere.path());
  EXPECT_TRUE(contains(refusal(dir / "sub/target", reading()), "leads to " + elsewhere.path() + "/target"));
}

TEST_P(TargetAdmissionTest, ALinkThatStaysInsideIsTheFileItLeadsTo) {
  const std::string path = dir.file("target", 8192);
  const std::string link = dir.link("link", path);
  auto target = admission.open(link, reading(), "job-1");
  ASSERT_TRUE(target) << all_of(target.error());
  EXPECT_EQ(target->facts.given, link);
  EXPECT_EQ(target->facts.path, path);
  EXPECT_TRUE(contains(refusal(path, reading()), "is claimed by job job-1"));
}

TEST_P(TargetAdmissionTest, DotDotIsRefusedWhereverItLeads) {
  dir.file("target", 8192);
  dir.directory("sub");
  EXPECT_TRUE(contains(refusal(dir / "sub/../target", reading()), "outside the --allow patterns"));
}

TEST_P(TargetAdmissionTest, RelativeEmptyAndOverlongPathsAreInvalid) {
  for (const std::string& path :
       {std::string("target"), std::string(), "/" + std::string(5000, 'x'), std::string("/a\0b", 4)}) {
    EXPECT_NE(refusal(path, reading()), "");
    EXPECT_EQ(code, Errc::invalid);
  }
}

TEST_P(TargetAdmissionTest, ADirectoryIsRefusedByKind) {
  EXPECT_TRUE(contains(refusal(dir.directory("sub"), writing()), "is a directory"));
  EXPECT_EQ(code, Errc::invalid);
}

TEST_P(TargetAdmissionTest, AFifoIsRefusedByKindWithoutWaitingForIt) {
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(contains(refusal(dir / "fifo", writing()), "is a FIFO"));
}

TEST_P(TargetAdmissionTest, ASocketIsRefusedByKind) {
  const util::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(contains(refusal(path, reading()), "is a socket"));
}

TEST_P(TargetAdmissionTest, ACharacterDeviceIsRefusedByKind) {
  admission.set_allow_list(AllowList({"/dev/null"}));
  EXPECT_TRUE(contains(refusal("/dev/null", reading()), "is a character device"));
}

TEST_P(TargetAdmissionTest, AnEmptyFileIsRefused) {
  EXPECT_TRUE(contains(refusal(dir.file("empty", 0), reading()), "has a size of zero"));
}

TEST_P(TargetAdmissionTest, AMissingFileIsRefusedWithoutASize) {
  EXPECT_TRUE(contains(refusal(dir / "missing", writing()), "does not exist"));
  EXPECT_EQ(code, Errc::invalid);
  EXPECT_FALSE(dir.has("missing"));
}

TEST_P(TargetAdmissionTest, AMissingDirectoryIsRefused) {
  Access access = writing();
  access.create_bytes = 4096;
  EXPECT_TRUE(contains(refusal(dir / "no/missing", access), "its directory does not exist"));
}

TEST_P(TargetAdmissionTest, ADanglingLinkIsNotFilledWithAFile) {
  const std::string link = dir.link("link", dir / "missing");
  Access access = writing();
  access.create_bytes = 4096;
  EXPECT_NE(refusal(link, access), "");
  EXPECT_FALSE(dir.has("missing"));
}

TEST_P(TargetAdmissionTest, AnOpenPathIsPossibleHere) {
  EXPECT_TRUE(admission.can_open());
}

TEST_P(TargetAdmissionTest, AFileWithAnotherNameIsReadOnly) {
  const std::string path = dir.file("target", 8192);
  const testing::TempDir elsewhere;
  ASSERT_EQ(::link(path.c_str(), (dir / "other").c_str()), 0);
  EXPECT_TRUE(contains(refusal(path, writing()), "has 2 names (hard links)"));
  EXPECT_EQ(code, Errc::conflict);
  EXPECT_EQ(refusal(path, reading()), "");
}

TEST_P(TargetAdmissionTest, ANameThatAppearsWhileAFileIsClaimedIsSeen) {
  const std::string path = dir.file("target", 8192);
  auto target = admission.claim(path, writing(), "job-1", admission.host());
  ASSERT_TRUE(target);
  ASSERT_EQ(::link(path.c_str(), (dir / "other").c_str()), 0);
  const auto status = admission.confirm(*target, writing(), admission.host());
  ASSERT_FALSE(status);
  EXPECT_TRUE(contains(status.error().message, "2 names")) << status.error().message;
}

TEST_P(TargetAdmissionTest, InspectingCreatesAndClaimsNothing) {
  Access access = writing();
  access.create_bytes = 4096;
  const Inspection inspection = admission.inspect(dir / "new", access, admission.host());
  EXPECT_TRUE(inspection.refusals.empty());
  EXPECT_FALSE(inspection.facts.exists);
  EXPECT_EQ(inspection.facts.path, dir / "new");
  EXPECT_FALSE(dir.has("new"));
  const std::string path = dir.file("target", 8192);
  const Inspection known = admission.inspect(path, access, admission.host());
  EXPECT_TRUE(known.refusals.empty());
  EXPECT_EQ(admission.job_holding(known.facts.id, known.facts.whole), "");
}

TEST_P(TargetAdmissionTest, ASecondOpenIsRefusedAndNamesTheJob) {
  const std::string path = dir.file("target", 8192);
  {
    auto first = admission.open(path, reading(), "job-1");
    ASSERT_TRUE(first);
    EXPECT_EQ(admission.job_holding(first->facts.id, first->facts.whole), "job-1");
    EXPECT_TRUE(contains(refusal(path, reading()), "is claimed by job job-1"));
    EXPECT_EQ(code, Errc::conflict);
  }
  EXPECT_EQ(refusal(path, reading()), "");
}

TEST_P(TargetAdmissionTest, AHardLinkIsTheSameTarget) {
  const std::string path = dir.file("target", 8192);
  ASSERT_EQ(::link(path.c_str(), (dir / "other").c_str()), 0);
  auto first = admission.open(path, reading(), "job-1");
  ASSERT_TRUE(first);
  EXPECT_TRUE(contains(refusal(dir / "other", reading()), "is claimed by job job-1"));
}

TEST_P(TargetAdmissionTest, ATargetThatChangedItsSizeWhileItWasClaimedIsAnother) {
  const std::string path = dir.file("target", 8192);
  auto target = admission.claim(path, reading(), "job-1", admission.host());
  ASSERT_TRUE(target);
  ASSERT_TRUE(admission.confirm(*target, reading(), admission.host()));
  ASSERT_EQ(::truncate(path.c_str(), 16384), 0);
  ASSERT_TRUE(admission.confirm(*target, reading(), admission.host())) << "a file may grow";
  ASSERT_EQ(::truncate(path.c_str(), 4096), 0);
  const auto status = admission.confirm(*target, reading(), admission.host());
  ASSERT_FALSE(status);
  EXPECT_TRUE(contains(status.error().message, "became another target")) << status.error().message;
  EXPECT_EQ(util::reason_of(status.error()), util::Reason::changed);
}

TEST_P(TargetAdmissionTest, ARefusedOpenLeavesNoClaim) {
  const std::string path = dir.file("target", 8192);
  const util::UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_TRUE(contains(refusal(path, reading()), "is locked by another program (flock)"));
  EXPECT_EQ(code, Errc::conflict);
  ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
  EXPECT_EQ(refusal(path, reading()), "");
}

TEST_P(TargetAdmissionTest, AReaderThatMaySharePassesALock) {
  const std::string path = dir.file("target", 8192);
  const util::UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  Access access = reading();
  access.allow_in_use = true;
  EXPECT_EQ(refusal(path, access), "");
}

TEST_P(TargetAdmissionTest, TheTargetIsLockedWhileItIsOpen) {
  const std::string path = dir.file("target", 8192);
  const util::UniqueFd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  {
    auto target = admission.open(path, reading(), "job-1");
    ASSERT_TRUE(target);
    EXPECT_NE(::flock(other.get(), LOCK_SH | LOCK_NB), 0);
  }
  EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), 0);
}

}  // namespace
}  // namespace spliced::device
