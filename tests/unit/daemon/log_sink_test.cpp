// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_sink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace spliced::daemon {
namespace {

std::string logged(util::LogLevel limit, util::LogLevel level, const std::string& message) {
  ::unsetenv("JOURNAL_STREAM");
  testing::internal::CaptureStderr();
  auto log = make_logger();
  log->set_level(limit);
  log->log(level, message, {{"JOB_ID", "7"}});
  EXPECT_TRUE(log->finish(std::chrono::seconds(5)));
  return testing::internal::GetCapturedStderr();
}

TEST(LogSink, WritesOneLineWithTimeAndLevel) {
  const std::string line = logged(util::LogLevel::info, util::LogLevel::warning, "disk is slow");
  EXPECT_TRUE(line.ends_with("warning disk is slow\n")) << line;
  EXPECT_EQ(line.find('T'), 10U) << line;
}

TEST(LogSink, LevelIsALimit) {
  EXPECT_EQ(logged(util::LogLevel::info, util::LogLevel::debug, "detail"), "");
  EXPECT_NE(logged(util::LogLevel::debug, util::LogLevel::debug, "detail"), "");
  EXPECT_EQ(logged(util::LogLevel::error, util::LogLevel::warning, "detail"), "");
}

TEST(LogSink, ClientsTextCannotForgeLinesOrDraw) {
  const std::string line = logged(util::LogLevel::info, util::LogLevel::error, "a\nb\r\x1b[2J\x7f");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.find_first_of("\r\x1b\x7f"), std::string::npos);
  EXPECT_NE(line.find("a?b??[2J?"), std::string::npos) << line;
}

}  // namespace
}  // namespace spliced::daemon
