// SPDX-License-Identifier: Apache-2.0
#include "http/socket_file.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>
#include <latch>
#include <mutex>
#include <vector>

#include "raw_client.h"

namespace spliced::http {
namespace {

using util::UniqueFd;

class LogKeeper final : public util::Logger {
 public:
  std::string text;

 protected:
  void write(util::LogLevel, std::string_view message, std::span<const util::LogField>) override {
    text += std::string(message) + "\n";
  }
};

// A socket that is bound and does not listen, or listens with so many places.
UniqueFd bound(const std::string& path, int type = SOCK_STREAM, int backlog = -1) {
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const sockaddr_un name = test::unix_name(path);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_TRUE(backlog < 0 || ::listen(fd.get(), backlog) == 0);
  return fd;
}

bool connects(const std::string& path) {
  Address address;
  address.unix_path = path;
  return bool(test::connect_to(address));
}

class SocketFileTest : public ::testing::Test {
 protected:
  util::Result<SocketFile> open(const std::string& group = "") {
    return SocketFile::open(path_, {group, false}, 8, log_);
  }
  // Expects a refusal, and everything to be as before.
  std::string refuse() {
    struct stat before {
    }, after{};
    EXPECT_EQ(::lstat(path_.c_str(), &before), 0);
    const auto file = open();
    EXPECT_FALSE(file);
    EXPECT_EQ(::lstat(path_.c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    if (file) return "";
    EXPECT_EQ(file.error().code, util::Errc::conflict) << file.error().message;
    EXPECT_NE(file.error().message.find(path_), std::string::npos);
    return file.error().message;
  }

  test::TempDir dir_;
  const std::string path_ = dir_ / "s.sock";
  LogKeeper log_;
};

TEST_F(SocketFileTest, ListensAndLeavesNothingElseBehind) {
  auto file = open();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(connects(path_));
  file->remove();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  file->remove();
}

TEST_F(SocketFileTest, IsForOwnerAndGroupWhateverTheUmask) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    const mode_t before = ::umask(mask);
    auto file = open();
    ::umask(before);
    ASSERT_TRUE(file) << file.error().message;
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0660U) << mask;
    file->remove();
  }
}

TEST_F(SocketFileTest, IsGivenToTheGroup) {
  const group* entry = ::getgrgid(1);
  if (::geteuid() != 0 || entry == nullptr) GTEST_SKIP() << "needs root and a group 1";
  const auto file = open(entry->gr_name);
  ASSERT_TRUE(file) << file.error().message;
  struct stat st {};
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_gid, 1U);
  EXPECT_EQ(log_.text, "");
}

TEST_F(SocketFileTest, MissingGroupIsToldWithTheCommandsThatMakeIt) {
  EXPECT_TRUE(open("no-such-group-anywhere"));
  EXPECT_NE(log_.text.find("groupadd --system no-such-group-anywhere"), std::string::npos) << log_.text;
  EXPECT_NE(log_.text.find("systemd-sysusers"), std::string::npos) << log_.text;
  EXPECT_NE(log_.text.find("uid " + std::to_string(::geteuid())), std::string::npos) << log_.text;
  EXPECT_EQ(std::count(log_.text.begin(), log_.text.end(), '\n'), 1);
}

TEST_F(SocketFileTest, StaleOneIsReplaced) {
  bound(path_);
  ASSERT_TRUE(open());
  EXPECT_EQ(log_.text, "");
}

TEST_F(SocketFileTest, OneThatAnswersIsLeftAlone) {
  const UniqueFd other = bound(path_, SOCK_STREAM, 8);
  EXPECT_NE(refuse().find("another daemon"), std::string::npos);
}

// A daemon that does not get round to accepting is not a dead one.
TEST_F(SocketFileTest, OneWhoseQueueIsFullIsLeftAlone) {
  const UniqueFd other = bound(path_, SOCK_STREAM, 0);
  const sockaddr_un name = test::unix_name(path_);
  std::vector<UniqueFd> clients;
  int error = 0;
  for (int i = 0; i < 10 && error == 0; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) error = errno;
  }
  ASSERT_EQ(error, EAGAIN);
  EXPECT_NE(refuse().find("another daemon"), std::string::npos);
}

TEST_F(SocketFileTest, OneOfAnotherKindIsLeftAlone) {
  const UniqueFd other = bound(path_, SOCK_DGRAM);
  EXPECT_NE(refuse().find("remove it"), std::string::npos);
}

TEST_F(SocketFileTest, WhatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_NE(refuse().find("no socket"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(dir_ / "elsewhere", path_);
  EXPECT_NE(refuse().find("no socket"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_NE(refuse().find("no socket"), std::string::npos);
}

TEST_F(SocketFileTest, MissingDirectoryAndEmptyNameAreTold) {
  auto file = SocketFile::open(dir_ / "missing/s.sock", {}, 8, log_);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find(dir_ / "missing/s.sock"), std::string::npos);
  EXPECT_FALSE(SocketFile::open(dir_.path() + "/", {}, 8, log_));
  EXPECT_FALSE(SocketFile::open(dir_ / std::string(100, 'x'), {}, 8, log_));
}

TEST_F(SocketFileTest, RemovesNoSocketButItsOwn) {
  auto file = open();
  ASSERT_TRUE(file);
  std::filesystem::remove(path_);
  const UniqueFd other = bound(path_, SOCK_STREAM, 8);
  file->remove();
  EXPECT_TRUE(connects(path_));
}

TEST_F(SocketFileTest, ParentThatIsSwappedLeadsNowhereElse) {
  for (const char* name : {"/mine", "/other"}) std::filesystem::create_directory(dir_.path() + name);
  std::filesystem::create_directory_symlink(dir_ / "mine", dir_ / "link");
  auto file = SocketFile::open(dir_ / "link/s.sock", {}, 8, log_);
  ASSERT_TRUE(file) << file.error().message;
  const UniqueFd other = bound(dir_ / "other/s.sock", SOCK_STREAM, 8);
  std::filesystem::remove(dir_ / "link");
  std::filesystem::create_directory_symlink(dir_ / "other", dir_ / "link");
  file->remove();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "mine/s.sock"));
  EXPECT_TRUE(connects(dir_ / "other/s.sock"));
}

// Whoever finds the stale socket last must not remove what the first one has put there.
TEST_F(SocketFileTest, OfManyThatStartAtOnceOneWins) {
  for (int round = 0; round < 20; ++round) {
    bound(path_);
    constexpr int kStarts = 8;
    std::latch begin{kStarts};
    std::mutex mutex;
    std::vector<SocketFile> winners;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kStarts; ++i) {
        threads.emplace_back([&] {
          util::NullLogger log;
          begin.arrive_and_wait();
          auto file = SocketFile::open(path_, {}, 8, log);
          const std::lock_guard lock(mutex);
          if (file) winners.push_back(std::move(*file));
        });
      }
    }
    ASSERT_EQ(winners.size(), 1U) << round;
    EXPECT_TRUE(connects(path_));
    winners[0].remove();
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SocketFileTest, LockThatIsHeldIsNotWaitedForWithoutEnd) {
  const UniqueFd lock(::open((path_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const util::Nanos begun = util::system_clock().now();
  const auto file = open();
  EXPECT_LT(util::system_clock().now() - begun, 5 * util::kSecond);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, util::Errc::conflict);
}

TEST_F(SocketFileTest, LockOfAnEarlierProcessIsNoMatter) {
  std::ofstream(path_ + ".lock") << "";
  EXPECT_TRUE(open());
}

}  // namespace
}  // namespace spliced::http
