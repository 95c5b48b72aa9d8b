// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

struct SettingsFileTest : ::testing::Test {
  std::string refusal(const std::string& path) {
    const auto read = read_settings_file("--config", path);
    if (read) return "";
    EXPECT_EQ(read.error().message.find("--config " + path + ": "), 0U) << read.error().message;
    return read.error().message;
  }
  std::string file(const std::string& text) {
    std::ofstream(dir_ / "file", std::ios::trunc) << text;
    return dir_ / "file";
  }
  test::TempDir dir_;
};

TEST_F(SettingsFileTest, IsReadAsAWhole) {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{5000}, kMaxSettingsBytes}) {
    const auto read = read_settings_file("--config", file(std::string(bytes, 'x')));
    ASSERT_TRUE(read) << bytes;
    EXPECT_EQ(read->text, std::string(bytes, 'x'));
  }
}

TEST_F(SettingsFileTest, TellsTheModeOfWhatWasRead) {
  const std::string path = file("x");
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(read_settings_file("--config", path)->mode & 0777U, 0640U);
}

TEST_F(SettingsFileTest, WhatIsTooLongIsRefused) {
  EXPECT_NE(refusal(file(std::string(kMaxSettingsBytes + 1, 'x'))).find("larger than 1 MiB"), std::string::npos);
}

TEST_F(SettingsFileTest, NothingThatIsNoFileIsReadOrWaitedFor) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir((dir_ / "directory").c_str(), 0700), 0);
  for (const std::string& path :
       {std::string("/dev/zero"), std::string("/dev/null"), dir_ / "fifo", dir_ / "directory"}) {
    EXPECT_NE(refusal(path).find("no regular file"), std::string::npos) << path;
  }
}

TEST_F(SettingsFileTest, WhatIsMissingSaysSo) {
  EXPECT_NE(refusal(dir_ / "nothing").find("No such file or directory"), std::string::npos);
}

}  // namespace
}  // namespace spliced::daemon
