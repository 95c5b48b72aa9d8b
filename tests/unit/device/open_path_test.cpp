// SPDX-License-Identifier: Apache-2.0
#include "device/open_path.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "admission_fixture.h"

namespace spliced::device {
namespace {

struct OpenPathTest : ::testing::TestWithParam<int> {
  [[nodiscard]] util::UniqueFd open(const std::string& path, int flags = O_PATH | O_NOFOLLOW) const {
    return open_without_links(testing::calls_with_openat2(GetParam()), path, flags);
  }
  testing::TempDir dir;
};
INSTANTIATE_TEST_SUITE_P(All, OpenPathTest, testing::openat2_answers(), testing::openat2_name);

TEST_P(OpenPathTest, OpensWhatIsThere) {
  const std::string file = dir.write("a/b/file", "x");
  for (const std::string& path : {std::string("/"), dir.path(), dir / "a", file, dir / "a//b/file", dir / "a/b/"}) {
    const auto fd = open(path);
    struct stat by_fd {};
    struct stat by_path {};
    ASSERT_TRUE(fd) << path;
    ASSERT_EQ(::fstat(fd.get(), &by_fd), 0);
    ASSERT_EQ(::stat(path.c_str(), &by_path), 0);
    EXPECT_EQ(by_fd.st_ino, by_path.st_ino) << path;
    EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_P(OpenPathTest, FollowsNoLinkAnywhere) {
  dir.write("a/file", "x");
  dir.link("first", dir / "a");
  dir.link("last", dir / "a/file");
  dir.link("dangling", dir / "nothing");
  // openat2(2) opens a link itself with O_PATH | O_NOFOLLOW: whoever gets it sees that it is no target.
  EXPECT_FALSE(open(dir / "first/file"));
  for (const std::string& path : {dir / "last", dir / "first", dir / "dangling"}) {
    EXPECT_FALSE(open(path, O_RDONLY | O_NOFOLLOW)) << path;
    const auto fd = open(path);
    struct stat st {};
    EXPECT_TRUE(!fd || (::fstat(fd.get(), &st) == 0 && S_ISLNK(st.st_mode))) << path;
  }
}

TEST_P(OpenPathTest, SaysWhyNot) {
  dir.write("file", "x");
  EXPECT_FALSE(open(dir / "missing"));
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(open(dir / "file/x"));
  EXPECT_EQ(errno, ENOTDIR);
}

TEST_P(OpenPathTest, KnowsWhereAnOpenDirectoryIs) {
  const auto fd = open(dir.directory("a"));
  EXPECT_EQ(path_of(fd), dir / "a");
  std::filesystem::rename(dir / "a", dir / "b");
  EXPECT_EQ(path_of(fd), dir / "b");
  EXPECT_EQ(join("/", "x"), "/x");
  EXPECT_EQ(join("/a", "x"), "/a/x");
}

}  // namespace
}  // namespace spliced::device
