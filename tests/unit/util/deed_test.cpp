// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/deed.h"

#include "spliced/util/message_id.h"

#include <gtest/gtest.h>

#include <map>

namespace spliced::util {
namespace {

struct LastLine final : Logger {
  void write(LogLevel its_level, std::string_view message, std::span<const LogField> its_fields) override {
    level = its_level;
    text = message;
    for (const auto& field : its_fields) fields.emplace(field.key, field.value);
  }
  LogLevel level = LogLevel::debug;
  std::string text;
  std::multimap<std::string, std::string> fields;
};

TEST(Deed, SaysWhoDidWhatToWhich) {
  LastLine log;
  log_deed(log, {"POST /v1/jobs", "uid 0, pid 42", "201", true, "", {"id-1", {"/dev/a", "/dev/b"}, {"sda", "sdb"}}});
  EXPECT_EQ(log.text, "POST /v1/jobs by uid 0, pid 42: 201, job id-1 on \"/dev/a\", \"/dev/b\"");
  EXPECT_EQ(log.level, LogLevel::notice);
  EXPECT_EQ(
      log.fields,
      (std::multimap<std::string, std::string>{
          {"MESSAGE_ID", std::string(message::kRequest)}, {"JOB_ID", "id-1"}, {"DEVICE", "sda"}, {"DEVICE", "sdb"}}));
}

TEST(Deed, ARefusalIsAWarningWithItsReason) {
  LastLine log;
  log_deed(log, {"DELETE /v1/jobs/x", "", "404", false, "there is no job x", {"x", {}, {}}});
  EXPECT_EQ(log.text, "DELETE /v1/jobs/x by somebody unknown: 404, job x: there is no job x");
  EXPECT_EQ(log.level, LogLevel::warning);
}

TEST(Deed, WhoWasTurnedAwayIsAKindOfItsOwn) {
  for (const char* outcome : {"401", "403", "AccessDenied", "409"}) {
    LastLine log;
    log_deed(log, {"POST /v1/jobs", "p", outcome, false, "", {}});
    const bool turned_away = std::string_view(outcome) != "409";
    EXPECT_EQ(log.fields.find("MESSAGE_ID")->second, turned_away ? message::kTurnedAway : message::kRequest) << outcome;
  }
}

TEST(Deed, ManyTargetsAndLongTextsHaveABound) {
  LastLine log;
  const std::vector<std::string> targets(1024, "/dev/" + std::string(3000, 'x'));
  log_deed(log, {std::string(9000, 'P'), "p", "409", false, std::string(1 << 20, 'd'), {"", targets, {}}});
  EXPECT_LT(log.text.size(), 4000U);
  EXPECT_LE(log.fields.size(), 65U);
  log_deed(log, {"c", "p", "409", false, "", {"", std::vector<std::string>(1024, "/dev/x"), {}}});
  EXPECT_NE(log.text.find("and 1016 more"), std::string::npos) << log.text;
}

}  // namespace
}  // namespace spliced::util
