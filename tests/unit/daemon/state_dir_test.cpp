// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

TEST(StateDir, IsCreatedForItsOwnerOnly) {
  const test::TempDir dir;
  const auto lock = StateDir::open(dir / "state");
  ASSERT_TRUE(lock) << lock.error().message;
  struct stat st {};
  ASSERT_EQ(::stat((dir / "state").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0077, 0U);
}

TEST(StateDir, HasOneDaemonAtATime) {
  const test::TempDir dir;
  {
    const auto first = StateDir::open(dir.path());
    ASSERT_TRUE(first);
    const auto second = StateDir::open(dir.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, util::Errc::conflict);
    EXPECT_NE(second.error().message.find(dir.path()), std::string::npos);
  }
  EXPECT_TRUE(StateDir::open(dir.path()));
}

TEST(StateDir, ParentMustExist) {
  const test::TempDir dir;
  const auto lock = StateDir::open(dir / "a/b");
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
  const auto lock = StateDir::open(dir / "state");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().message.find(dir / "state"), std::string::npos);
}

TEST(StateDir, LockIsNoLinkToAnotherFile) {
  const test::TempDir dir;
  std::ofstream(dir / "precious") << "x";
  std::filesystem::create_symlink(dir / "precious", dir / "lock");
  EXPECT_FALSE(StateDir::open(dir.path()));
}

TEST(StateDir, StateThatIsALinkIsRefused) {
  const test::TempDir dir;
  std::ofstream(dir / "elsewhere") << "x";
  std::filesystem::create_symlink(dir / "elsewhere", dir / "state.db");
  auto state = StateDir::open(dir.path());
  ASSERT_TRUE(state);
  const auto status = state->prepare_database();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find(dir / "state.db"), std::string::npos) << status.error().message;
}

mode_t mode_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_mode & 07777U : 0;
}

TEST(StateDir, FilesAreTheirOwnersAloneWhateverTheUmask) {
  for (const mode_t mask : {0U, 0022U, 0077U, 0777U}) {
    const test::TempDir dir;
    const mode_t before = ::umask(mask);
    auto state = StateDir::open(dir / "state");
    ::umask(before);
    ASSERT_TRUE(state) << state.error().message;
    ::umask(mask);
    const auto prepared = state->prepare_database();
    ::umask(before);
    ASSERT_TRUE(prepared) << prepared.error().message;
    EXPECT_EQ(mode_of(dir / "state"), 0700U);
    EXPECT_EQ(mode_of(dir / "state/lock"), 0600U);
    EXPECT_EQ(mode_of(dir / "state/state.db"), 0600U);
  }
}

TEST(StateDir, FilesThatWereOpenToOthersAreClosed) {
  const test::TempDir dir;
  for (const char* name : {"lock", "state.db", "state.db-wal", "state.db-shm"}) {
    std::ofstream(dir / name) << "";
    ::chmod((dir / name).c_str(), 0666);
  }
  auto state = StateDir::open(dir.path());
  ASSERT_TRUE(state);
  ASSERT_TRUE(state->prepare_database());
  for (const char* name : {"lock", "state.db", "state.db-wal", "state.db-shm"}) {
    EXPECT_EQ(mode_of(dir / name), 0600U) << name;
  }
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(StateDir, WhatIsSetAsideIsNeverOverwritten) {
  const test::TempDir dir;
  auto state = StateDir::open(dir.path());
  ASSERT_TRUE(state);
  const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);  // 2027-01-15 08:00:00 UTC
  for (const char* round : {"", "-2", "-3"}) {
    for (const char* ending : {"", "-wal", "-shm"}) std::ofstream(dir / ("state.db" + std::string(ending))) << round;
    const auto name = state->set_aside(now);
    ASSERT_TRUE(name) << name.error().message;
    EXPECT_EQ(*name, dir / ("state.db.damaged-20270115T080000Z" + std::string(round)));
    EXPECT_FALSE(std::filesystem::exists(dir / "state.db"));
    EXPECT_FALSE(std::filesystem::exists(dir / "state.db-wal"));
  }
  for (const std::string round : {"", "-2", "-3"}) {
    for (const char* ending : {"", "-wal", "-shm"}) {
      EXPECT_EQ(content(dir / ("state.db.damaged-20270115T080000Z" + round + ending)), round);
    }
  }
}

class StateDirTrouble : public ::testing::Test {
 protected:
  StateDirTrouble() : state_(std::move(StateDir::open(dir_ / "state").value())) {
    if (!state_.prepare_database()) ADD_FAILURE();
  }
  test::TempDir dir_;
  StateDir state_;
};

TEST_F(StateDirTrouble, ThereIsNoneAtFirst) {
  EXPECT_EQ(state_.trouble(), "");
}

TEST_F(StateDirTrouble, ADirectoryThatWasRemovedIsGone) {
  std::filesystem::remove_all(dir_ / "state");
  EXPECT_EQ(state_.trouble(), "the state directory " + (dir_ / "state") + " is gone");
}

TEST_F(StateDirTrouble, AnotherDirectoryInItsPlaceIsNotIt) {
  std::filesystem::rename(dir_ / "state", dir_ / "moved");
  std::filesystem::create_directory(dir_ / "state");
  EXPECT_NE(state_.trouble().find("is gone"), std::string::npos);
  std::filesystem::remove(dir_ / "state");
  std::filesystem::rename(dir_ / "moved", dir_ / "state");
  EXPECT_EQ(state_.trouble(), "");
}

TEST_F(StateDirTrouble, ADatabaseThatWasRemovedOrReplacedIsGone) {
  std::filesystem::remove(dir_ / "state/state.db");
  EXPECT_NE(state_.trouble().find("state.db is gone"), std::string::npos);
  // File systems give the number of a file that is gone to the next one.
  for (int i = 0; i < 100; ++i) {
    std::ofstream(dir_ / "state/state.db") << "x";
    ASSERT_NE(state_.trouble().find("state.db is gone"), std::string::npos);
    std::filesystem::remove(dir_ / "state/state.db");
  }
}

}  // namespace
}  // namespace spliced::daemon
