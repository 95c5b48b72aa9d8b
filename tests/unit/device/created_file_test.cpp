// SPDX-License-Identifier: Apache-2.0
// Files that are made for a job, as TargetAdmission makes and removes them.
#include "spliced/device/created_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "admission_fixture.h"

namespace spliced::device {
namespace {

using testing::contains;
using util::Errc;

struct CreatedFileTest : testing::AdmissionFixture {};
INSTANTIATE_TEST_SUITE_P(All, CreatedFileTest, testing::openat2_answers(), testing::openat2_name);

// Who owns an allowed directory can put a link in its place at any time.
struct Swap {
  explicit Swap(const testing::TempDir& dir) : dir_(dir) {
    dir.directory("sub");
    outside.write("new", "precious");
  }
  void now() const {
    std::filesystem::rename(dir_ / "sub", dir_ / "moved");
    std::filesystem::create_symlink(outside.path(), dir_ / "sub");
  }
  testing::TempDir outside;

 private:
  const testing::TempDir& dir_;
};

TEST_P(CreatedFileTest, AFileIsCreatedAndRemovedAgain) {
  Access access = writing();
  access.create_bytes = 12288;
  {
    auto target = admission.open(dir / "new", access, "job-1");
    ASSERT_TRUE(target) << all_of(target.error());
    EXPECT_EQ(target->facts.size, 12288U);
    EXPECT_TRUE(target->facts.exists);
    EXPECT_TRUE(target->created.exists());
    struct stat st {};
    ASSERT_EQ(::fstat(target->fd.get(), &st), 0);
    EXPECT_EQ(st.st_size, 12288);
    EXPECT_EQ(st.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(dir.has("new"));
}

TEST_P(CreatedFileTest, ACreatedFileThatIsKeptStays) {
  Access access = writing();
  access.create_bytes = 4096;
  {
    auto target = admission.open(dir / "new", access, "job-1");
    ASSERT_TRUE(target) << all_of(target.error());
    OpenTarget moved = std::move(*target);
    moved.keep();
  }
  EXPECT_TRUE(dir.has("new"));
}

TEST_P(CreatedFileTest, NothingIsCreatedOutsideThePatterns) {
  const testing::TempDir elsewhere;
  Access access = writing();
  access.create_bytes = 4096;
  EXPECT_NE(refusal(elsewhere / "new", access), "");
  EXPECT_FALSE(elsewhere.has("new"));
}

TEST_P(CreatedFileTest, AFileLargerThanTheDiskIsRefusedAndLeavesNothing) {
  Access access = writing();
  access.create_bytes = 1ULL << 62;
  EXPECT_NE(refusal(dir / "new", access), "");
  EXPECT_FALSE(dir.has("new"));
}

TEST_P(CreatedFileTest, ACreatedFileIsRemovedWhereItWasMade) {
  const Swap swap(dir);
  Access access = writing();
  access.create_bytes = 4096;
  {
    auto target = admission.open(dir / "sub/new", access, "job-1");
    ASSERT_TRUE(target) << all_of(target.error());
    swap.now();
  }
  EXPECT_TRUE(swap.outside.has("new"));
  EXPECT_FALSE(dir.has("moved/new"));
}

TEST_P(CreatedFileTest, AnotherFileOfTheSameNameIsNotRemoved) {
  Access access = writing();
  access.create_bytes = 4096;
  {
    auto target = admission.open(dir / "new", access, "job-1");
    ASSERT_TRUE(target) << all_of(target.error());
    std::filesystem::rename(dir / "new", dir / "old");
    dir.file("new", 1);
  }
  EXPECT_TRUE(dir.has("new"));
  EXPECT_TRUE(dir.has("old"));
}

TEST_P(CreatedFileTest, NothingIsCreatedWhereADirectoryWasSwapped) {
  const Swap swap(dir);
  std::filesystem::remove(swap.outside / "new");
  Access access = writing();
  access.create_bytes = 4096;
  auto target = admission.claim(dir / "sub/new", access, "job-1", admission.host());
  ASSERT_TRUE(target) << all_of(target.error());
  swap.now();
  const auto status = admission.create(*target, access, "job-1", admission.host());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::conflict);
  EXPECT_FALSE(swap.outside.has("new"));
  EXPECT_FALSE(dir.has("moved/new"));
}

TEST_P(CreatedFileTest, AFileIsCreatedWithFallocateOrElseFtruncate) {
  for (const int error : {0, EOPNOTSUPP, ENOSYS}) {
    std::uint64_t asked = 0;
    calls.allocate = [&](int, std::uint64_t bytes) {
      asked = bytes;
      return error;
    };
    TargetAdmission other{AllowList({dir.path() + "/"}), host.paths(), calls};
    Access access = writing();
    access.create_bytes = 1 << 30;
    auto target = other.claim(dir / "new", access, "job-1", other.host());
    ASSERT_TRUE(target);
    const auto status = other.create(*target, access, "job-1", other.host());
    EXPECT_EQ(asked, access.create_bytes);
    EXPECT_EQ(status.has_value(), error != 0) << "a double that allocates nothing leaves an empty file";
    EXPECT_EQ(target->facts.exists, error != 0);
  }
}

TEST_P(CreatedFileTest, AFullFileSystemLeavesNothing) {
  calls.allocate = [](int, std::uint64_t) { return ENOSPC; };
  TargetAdmission other{AllowList({dir.path() + "/"}), host.paths(), calls};
  Access access = writing();
  access.create_bytes = 4096;
  auto target = other.open(dir / "new", access, "job-1");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().sys_errno, ENOSPC);
  EXPECT_FALSE(dir.has("new"));
}

// As in a container, where /dev is an ordinary directory.
TEST_P(CreatedFileTest, BelowDevNothingIsCreatedWhateverItIs) {
  admission.set_allow_list(AllowList({"/"}));
  host.root().directory("dev/sub");
  host.root().directory("dev/shm/sub");
  const std::string link = dir.link("link", host.root() / "dev");
  Access access = writing();
  access.create_bytes = 4096;
  for (const std::string& path : {host.root() / "dev/nvme7n1", host.root() / "dev/sub/x", link + "/sdz",
                                  link + "/sub/x", host.root() / "dev/shmx"}) {
    EXPECT_TRUE(contains(refusal(path, access), "no such device")) << path;
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_EQ(refusal(host.root() / "dev/shm/x", access), "");
  EXPECT_EQ(refusal(link + "/shm/sub/x", access), "");
}

TEST_P(CreatedFileTest, AMissingNameInDevtmpfsIsAMissingDevice) {
  host.mount(testing::FakeHost::number_of(dir.path()), "/elsewhere", "devtmpfs", "none");
  Access access = writing();
  access.create_bytes = 4096;
  EXPECT_TRUE(contains(refusal(dir / "sdz", access), "no such device"));
  EXPECT_FALSE(dir.has("sdz"));
}

}  // namespace
}  // namespace spliced::device
