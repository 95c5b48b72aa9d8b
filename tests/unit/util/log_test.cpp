// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spliced::util {
namespace {

class Recorder final : public Logger {
 public:
  std::vector<std::string> lines;

 protected:
  void write(LogLevel level, std::string_view message, std::span<const LogField> fields) override {
    std::string line = std::to_string(static_cast<int>(level)) + " " + std::string(message);
    for (const auto& field : fields) line += " " + std::string(field.key) + "=" + field.value;
    lines.push_back(std::move(line));
  }
};

constexpr LogLevel kLevels[] = {LogLevel::error, LogLevel::warning, LogLevel::notice, LogLevel::info, LogLevel::debug};

TEST(Logger, PassesMessageAndFieldsOn) {
  Recorder log;
  log.log(LogLevel::warning, "slow", {{"DEVICE", "sdb"}, {"ERRNO", "5"}});
  log.log(LogLevel::error, "gone");
  EXPECT_EQ(log.lines, (std::vector<std::string>{"4 slow DEVICE=sdb ERRNO=5", "3 gone"}));
}

TEST(Logger, SaysInfoButNotDebugAtFirst) {
  Recorder log;
  log.log(LogLevel::info, "in");
  log.log(LogLevel::debug, "out");
  EXPECT_EQ(log.lines, (std::vector<std::string>{"6 in"}));
}

TEST(Logger, KeepsWhatIsAtOrAboveItsLevel) {
  for (const LogLevel level : kLevels) {
    Recorder log;
    log.set_level(level);
    for (const LogLevel message : kLevels) log.log(message, "x");
    EXPECT_EQ(log.lines.size(), static_cast<std::size_t>(level) - 2);
  }
}

TEST(NullLogger, SaysNothing) {
  NullLogger log;
  log.log(LogLevel::error, "nobody hears");
}

TEST(ParseLogLevel, KnowsEveryName) {
  EXPECT_EQ(parse_log_level("error").value(), LogLevel::error);
  EXPECT_EQ(parse_log_level("warning").value(), LogLevel::warning);
  EXPECT_EQ(parse_log_level("notice").value(), LogLevel::notice);
  EXPECT_EQ(parse_log_level("info").value(), LogLevel::info);
  EXPECT_EQ(parse_log_level("debug").value(), LogLevel::debug);
}

TEST(ParseLogLevel, RefusesOthers) {
  for (const char* text : {"", "Error", "warn", "info ", " info", "6", "trace", "debugging"}) {
    const auto level = parse_log_level(text);
    ASSERT_FALSE(level) << text;
    EXPECT_EQ(level.error().code, Errc::invalid);
    EXPECT_NE(level.error().message.find(text), std::string::npos);
  }
}

}  // namespace
}  // namespace spliced::util
