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

class SteppedClock final : public Clock {
 public:
  Nanos now() override { return now_; }
  void sleep_until(Nanos when) override { now_ = when; }

 private:
  Nanos now_ = kSecond;
};

struct Counting final : Logger {
  void write(LogLevel, std::string_view message, std::span<const LogField>) override {
    ++lines;
    last = message;
  }
  std::uint64_t lines = 0;
  std::string last;
};

TEST(DeedLog, LeavesOutWhatIsTooMuchAboutOneAndSaysSo) {
  Counting log;
  SteppedClock clock;
  DeedLog deeds(log, clock);
  const auto turn_away = [&](const std::string& peer) { deeds.log({"Cancel", peer, "AccessDenied", false, "no", {}}); };
  for (std::uint64_t i = 0; i < DeedLog::kBurst + 5; ++i) turn_away("uid 7, pid " + std::to_string(i));
  EXPECT_EQ(log.lines, DeedLog::kBurst);
  turn_away("uid 8, pid 1");
  EXPECT_EQ(log.lines, DeedLog::kBurst + 1) << "others are told of all the same";
  for (int i = 0; i < 9; ++i) deeds.log({"Cancel", "uid 7, pid 1", "done", true, "", {}});
  EXPECT_EQ(log.lines, DeedLog::kBurst + 10) << "and what is done";
  clock.sleep_until(2 * kSecond);
  for (int i = 0; i < 100; ++i) turn_away("uid 7, pid 9");
  EXPECT_EQ(log.lines, DeedLog::kBurst + 10 + DeedLog::kPerSecond);
  clock.sleep_until(3 * kSecond);
  turn_away("uid 7, pid 9");
  EXPECT_EQ(log.last, "Cancel by uid 7, pid 9: AccessDenied: no (and 80 more before, of which no line tells)");
}

TEST(DeedLog, KnowsAddressesWithoutTheirPorts) {
  Counting log;
  SteppedClock clock;
  DeedLog deeds(log, clock);
  for (std::uint64_t i = 0; i < 2 * DeedLog::kBurst; ++i)
    deeds.log({"GET /", "[2001:db8::1]:" + std::to_string(i), "401", false, "", {}});
  EXPECT_EQ(log.lines, DeedLog::kBurst);
}

TEST(DeedLog, IsBoundedWhateverItsPeersAre) {
  Counting log;
  SteppedClock clock;
  DeedLog deeds(log, clock);
  for (std::uint64_t i = 0; i < DeedLog::kMaxKnown + 3 * DeedLog::kBurst; ++i)
    deeds.log({"GET /", "uid " + std::to_string(i), "403", false, "", {}});
  EXPECT_LE(log.lines, DeedLog::kMaxKnown + DeedLog::kBurst);
  clock.sleep_until(60 * kSecond);
  deeds.log({"GET /", "uid 1000000", "403", false, "", {}});
  EXPECT_EQ(log.last, "GET / by uid 1000000: 403") << "what is long past makes room";
}

}  // namespace
}  // namespace spliced::util
