// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace spliced::cli {
namespace {

Json operation(double operations) {
  return {{"bytes", operations * 4096},
          {"operations", static_cast<std::uint64_t>(operations)},
          {"errors", 0},
          {"bytes_per_second", operations * 1024},
          {"operations_per_second", operations},
          {"latency_seconds",
           {{"mean", 0.001}, {"p50", 0.0005}, {"p90", 0.001}, {"p99", 0.002}, {"p999", 0.003}, {"max", 1.5}}}};
}

Json device(const std::string& name, double progress) {
  return {{"device", name},
          {"state", "RUNNING"},
          {"reason", nullptr},
          {"progress", progress},
          {"eta_seconds", nullptr},
          {"io", {{"read", operation(1024)}, {"write", operation(0)}, {"trim", operation(0)}, {"sync", operation(0)}}},
          {"engine",
           {{"kind", "splice"},
            {"read_path", "copy"},
            {"pipe_size_bytes", 65536},
            {"tuning",
             {{{"direction", "read"},
               {"pipe_size_bytes", 65536},
               {"batch", 4},
               {"why", "fastest"},
               {"tried", {{{"pipe_size_bytes", 65536}, {"batch", 1}, {"bytes_per_second", 1048576.0}}}}}}},
            {"events",
             {{{"event", "fallback"}, {"from", "map"}, {"to", "copy"}, {"errno", "EFAULT"}, {"count", 2}},
              {{"event", "pipe_reset"}, {"count", 1}}}}}},
          {"errors", {{{"count", 4}, {"message", "read at 4096 failed"}}}}};
}

Json job() {
  return {{"id", "id-1"},       {"name", "first light"}, {"state", "RUNNING"},
          {"verdict", nullptr}, {"reason", nullptr},     {"devices", {device("loop0", 0.5), device("loop1", 0.25)}}};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TextOf, IsEmptyForWhatIsNoText) {
  const Json object = {{"a", "x"}, {"b", nullptr}, {"c", 5}};
  EXPECT_EQ(text_of(object, "a"), "x");
  EXPECT_EQ(text_of(object, "b"), "");
  EXPECT_EQ(text_of(object, "c"), "");
  EXPECT_EQ(text_of(object, "d"), "");
  EXPECT_EQ(text_of(nullptr, "a"), "");
  EXPECT_EQ(text_of(Json::array(), "a"), "");
}

TEST(SecondsText, ChoosesTheUnit) {
  EXPECT_EQ(seconds_text(0), "0.0 µs");
  EXPECT_EQ(seconds_text(12.3e-6), "12.3 µs");
  EXPECT_EQ(seconds_text(0.0032), "3.2 ms");
  EXPECT_EQ(seconds_text(1), "1.0 s");
  EXPECT_EQ(seconds_text(59.94), "59.9 s");
  EXPECT_EQ(seconds_text(65), "1m 05s");
  EXPECT_EQ(seconds_text(3599.9), "59m 59s");
  EXPECT_EQ(seconds_text(3600), "1h 00m");
  EXPECT_EQ(seconds_text(90061), "25h 01m");
}

TEST(JobText, HasHeadDevicesAndErrors) {
  const std::string text = job_text(job());
  EXPECT_TRUE(text.starts_with("job id-1 first light: RUNNING\n")) << text;
  EXPECT_TRUE(has(text, "  loop0: RUNNING\n")) << text;
  EXPECT_TRUE(has(text, "  loop1: RUNNING\n")) << text;
  EXPECT_TRUE(has(text, "read")) << text;
  EXPECT_FALSE(has(text, "trim")) << "an operation that never happened";
  EXPECT_TRUE(has(text, "4.0 MiB")) << text;
  EXPECT_TRUE(has(text, "p50 500.0 µs  p99 2.0 ms  max 1.5 s")) << text;
  EXPECT_FALSE(has(text, "pipe")) << text;
  EXPECT_TRUE(has(
      job_text(job(), {false, true}),
      "engine: splice, read path copy, pipe_size 64.0 KiB, fallback from map to copy errno EFAULT 2x, pipe_reset 1x"));
  EXPECT_TRUE(has(text, "error (4x): read at 4096 failed")) << text;
}

TEST(JobText, TellsVerdictAndReason) {
  Json ended = job();
  ended["state"] = "FAILED";
  ended["verdict"] = "FAIL";
  ended["reason"] = "1 of 2 devices failed";
  ended["devices"][0]["reason"] = "too many errors";
  ended["devices"][0]["verdict"] = "FAIL";
  const std::string text = job_text(ended);
  EXPECT_TRUE(has(text, "FAILED, verdict FAIL\n  1 of 2 devices failed\n")) << text;
  EXPECT_TRUE(has(text, "loop0: RUNNING, verdict FAIL: too many errors")) << text;
}

TEST(JobText, JobWithoutNameOrDevicesIsShown) {
  EXPECT_EQ(job_text({{"id", "x"}, {"name", ""}, {"state", "INTERRUPTED"}}),
            "job x: INTERRUPTED\nno verdict\n  why: nothing was judged\n"
            "  criteria: 0 met, 0 not met, 0 not measurable\n");
}

TEST(ProgressLine, SumsUpAllDevices) {
  Json running = job();
  EXPECT_EQ(progress_line(running), "RUNNING  37.5%  2.0 MiB/s  2048 IOPS  0 errors  ETA unknown");
  running["devices"][0]["eta_seconds"] = 3.0;
  running["devices"][1]["eta_seconds"] = 65.0;
  running["devices"][1]["io"]["read"]["errors"] = 2;
  const std::string line = progress_line(running);
  EXPECT_TRUE(has(line, "2 errors  ETA 1m 05s")) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(ProgressLine, LeavesOutWhatDoesNotFitTheLeastImportantFirst) {
  Json running = job();
  running["devices"][0]["eta_seconds"] = 0.2;
  EXPECT_EQ(progress_line(running, 60), "RUNNING  37.5%  2.0 MiB/s  2048 IOPS  0 errors  ETA 1 s");
  EXPECT_EQ(progress_line(running, 45), "RUNNING  37.5%  2.0 MiB/s  0 errors  ETA 1 s");
  EXPECT_EQ(progress_line(running, 40), "RUNNING  37.5%  2.0 MiB/s  ETA 1 s");
  EXPECT_EQ(progress_line(running, 25), "RUNNING  37.5%  ETA 1 s");
  EXPECT_EQ(progress_line(running, 20), "RUNNING  37.5%");
  EXPECT_EQ(progress_line(running, 5), "RUNNI");
  running["devices"][0]["io"]["read"]["errors"] = 7;
  EXPECT_EQ(progress_line(running, 34), "RUNNING  37.5%  7 errors  ETA 1 s") << "errors matter";
}

TEST(EtaText, IsInWholeSeconds) {
  EXPECT_EQ(eta_text(0), "1 s");
  EXPECT_EQ(eta_text(0.9882), "1 s");
  EXPECT_EQ(eta_text(14.2), "15 s");
  EXPECT_EQ(eta_text(59.5), "60 s");
  EXPECT_EQ(eta_text(64.2), "1m 05s");
}

TEST(JobText, AVerdictHasAColourOnRequest) {
  Json ended = job();
  ended["verdict"] = "FAIL";
  ended["devices"][0]["verdict"] = "PASS";
  const std::string text = job_text(ended, {true, false});
  EXPECT_TRUE(has(text, "verdict \033[1;31mFAIL\033[0m")) << text;
  EXPECT_TRUE(has(text, "verdict \033[1;32mPASS\033[0m")) << text;
}

TEST(ProgressLine, NoDevicesNoProgress) {
  EXPECT_EQ(progress_line({{"state", "PENDING"}, {"devices", Json::array()}}),
            "PENDING   0.0%  0 B/s  0 IOPS  0 errors  ETA unknown");
}

TEST(CapabilitiesText, HasARowForEverything) {
  const Json works = {{"works", true}, {"errno", nullptr}};
  const Json fails = {{"works", false}, {"errno", "EFAULT"}};
  const std::string text =
      capabilities_text({{"kernel_release", "6.1.0"},
                         {"read_paths", {{"map", fails}, {"copy", works}, {"read", works}, {"discard", works}}},
                         {"vmsplice_write", works},
                         {"vmsplice_aliases_pages", true},
                         {"vmsplice_read_copies", true},
                         {"one_byte_calls_to_fill_pipe", 16},
                         {"array_slots_per_page", 1.0},
                         {"pipe_sizes", {{{"asked_bytes", 4096}, {"obtained_bytes", 4096}}}},
                         {"pipe_user_pages_soft", 16384},
                         {"default_pipe_bytes", 65536},
                         {"largest_pipe_bytes", 1048576},
                         {"preferred_engine", "psync"},
                         {"advice", "because vmsplice copies"}});
  for (const char* part :
       {"6.1.0", "EFAULT", "works", "yes", "16", "64.0 KiB", "1.0 MiB", "psync", "because vmsplice copies"}) {
    EXPECT_TRUE(has(text, part)) << part;
  }
  EXPECT_GE(std::count(text.begin(), text.end(), '\n'), 10);
}

TEST(JobText, EndsWithTheVerdictAndItsReasonsInThreeLines) {
  const auto criterion = [](const char* name, const char* result) { return Json{{"name", name}, {"result", result}}; };
  Json ended = job();
  ended["state"] = "SUCCEEDED";
  ended["verdict"] = "FAIL";
  ended["reason"] = "2 intervals do not hold what was written";
  for (Json& device : ended["devices"]) {
    device["coverage"] = 0.5;
    device["verify"] = {{"asked_for", true},
                        {"bytes", 1},
                        {"blocks", 1},
                        {"mismatches", Json::object()},
                        {"shift_bytes", nullptr},
                        {"host_faults", Json::object()},
                        {"miscompares", Json::array()},
                        {"indeterminate_ranges", 0}};
    device["criteria"] = {criterion("max_io_errors", "met"), criterion("max_mismatches", "not_met"),
                          criterion("max_slow_zone", "not_measurable")};
  }
  ended["devices"] = {ended["devices"][0]};
  const std::string text = job_text(ended);
  const std::string end =
      "verdict FAIL\n  why: 2 intervals do not hold what was written\n"
      "  criteria: 1 met, 1 not met: max_mismatches, 1 not measurable; 50 % of the range shown to be right\n";
  EXPECT_TRUE(text.ends_with(end)) << text;
}

TEST(JobText, WhatWasWrittenAndNotCheckedWasNotRead) {
  Json ended = job();
  ended["state"] = "SUCCEEDED";
  for (Json& device : ended["devices"]) {
    device["coverage"] = 0;
    device["io"]["write"]["bytes"] = 0;
    device["io"]["trim"]["bytes"] = 0;
  }
  EXPECT_TRUE(has(job_text(ended), "0 % of the range read without an error\n"));
  ended["devices"][0]["io"]["write"]["bytes"] = 4096;
  EXPECT_TRUE(has(job_text(ended), "0 % of the range shown to be right\n"));
}

TEST(JobText, AnOlderDaemonTellsOnlyWhetherACriterionIsMet) {
  Json ended = job();
  ended["state"] = "SUCCEEDED";
  ended["verdict"] = "PASS";
  for (Json& device : ended["devices"]) device["criteria"] = {{{"name", "max_io_errors"}, {"met", true}}};
  const std::string text = job_text(ended);
  EXPECT_TRUE(
      text.ends_with("verdict PASS\n  why: all criteria are met\n  criteria: 2 met, 0 not met, 0 not measurable\n"))
      << text;
}

}  // namespace
}  // namespace spliced::cli
