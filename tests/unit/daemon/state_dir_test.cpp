#include "daemon/state_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

TEST(StateDir, IsCreatedForItsOwnerOnly) {
  const test::TempDir dir;
  const auto lock = lock_state_dir(dir / "state");
  ASSERT_TRUE(lock) << lock.error().message;
  struct stat st {};
  ASSERT_EQ(::stat((dir / "state").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0077, 0U);
}

TEST(StateDir, HasOneDaemonAtATime) {
  const test::TempDir dir;
  {
    const auto first = lock_state_dir(dir.path());
    ASSERT_TRUE(first);
    const auto second = lock_state_dir(dir.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, util::Errc::conflict);
    EXPECT_NE(second.error().message.find(dir.path()), std::string::npos);
  }
  EXPECT_TRUE(lock_state_dir(dir.path()));
}

TEST(StateDir, ParentMustExist) {
  const test::TempDir dir;
  const auto lock = lock_state_dir(dir / "a/b");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().message.find(dir / "a/b"), std::string::npos);
}

TEST(StateDir, CanBeCheckedWithoutBeingTouched) {
  const test::TempDir dir;
  EXPECT_TRUE(check_state_dir(dir.path()));
  EXPECT_TRUE(check_state_dir(dir / "new"));
  EXPECT_TRUE(check_state_dir(dir / "new/"));
  EXPECT_EQ(::access((dir / "new").c_str(), F_OK), -1);
  EXPECT_EQ(::access((dir / "lock").c_str(), F_OK), -1);
  for (const std::string& bad : {dir / "no/such", std::string("/dev/null")}) {
    const auto status = check_state_dir(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_NE(status.error().message.find(bad), std::string::npos) << status.error().message;
  }
}

TEST(StateDir, FileInItsPlaceIsNamed) {
  const test::TempDir dir;
  std::ofstream(dir / "state") << "x";
  const auto lock = lock_state_dir(dir / "state");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().message.find(dir / "state"), std::string::npos);
}

TEST(StateDir, LockIsNoLinkToAnotherFile) {
  const test::TempDir dir;
  std::ofstream(dir / "precious") << "x";
  std::filesystem::create_symlink(dir / "precious", dir / "lock");
  EXPECT_FALSE(lock_state_dir(dir.path()));
}

}  // namespace
}  // namespace spliced::daemon
