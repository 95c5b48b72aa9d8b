// SPDX-License-Identifier: Apache-2.0
#include "form/render.h"
#include "api/answers.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

#include "api/job_text.h"
#include "sample_job.h"
#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using job::JobSnapshot;
using testing::text_of;

Json render_job(const JobSnapshot& job) {
  return Json::parse(text_of(job_text(job::view_of(job))));
}
std::set<std::string> keys(const Json& object) {
  std::set<std::string> out;
  for (const auto& [key, value] : object.items()) out.insert(key);
  return out;
}

TEST(RenderJob, HasTheFieldsOfTheContract) {
  const Json job = render_job(testing::sample_job());
  EXPECT_EQ(keys(job), (std::set<std::string>{"id",
                                              "run_id",
                                              "state",
                                              "verdict",
                                              "reason",
                                              "created_at",
                                              "created_by",
                                              "started_at",
                                              "ended_at",
                                              "name",
                                              "recipe",
                                              "parameters",
                                              "elapsed_seconds",
                                              "targets",
                                              "stages",
                                              "engine",
                                              "error_policy",
                                              "criteria",
                                              "confirm",
                                              "destructive",
                                              "allow_in_use",
                                              "overwrite_signatures",
                                              "devices",
                                              "on_restart",
                                              "queue",
                                              "queue_position",
                                              "repeat_from",
                                              "interruptions"}));
  EXPECT_EQ(job.at("id"), "id-1");
  EXPECT_EQ(job.at("state"), "RUNNING");
  EXPECT_EQ(job.at("verdict"), nullptr);
  EXPECT_EQ(job.at("reason"), nullptr);
  EXPECT_EQ(job.at("created_at"), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(job.at("started_at"), "2023-11-14T22:13:21.123Z");
  EXPECT_EQ(job.at("ended_at"), nullptr);
}

TEST(RenderJob, DevicesHaveTheFieldsOfTheContract) {
  const Json device = render_job(testing::sample_job()).at("devices").at(0);
  EXPECT_EQ(device.at("device"), "loop0");
  EXPECT_EQ(device.at("path"), "/dev/loop0");
  EXPECT_EQ(device.at("state"), "RUNNING");
  EXPECT_EQ(device.at("progress"), 0.42);
  EXPECT_EQ(device.at("eta_seconds"), 12.3);
  EXPECT_EQ(device.at("offset_bytes"), 512);
  EXPECT_EQ(device.at("size_bytes"), 4096);
  EXPECT_EQ(keys(device.at("io")), (std::set<std::string>{"read", "write", "trim", "sync"}));
  EXPECT_EQ(device.at("io").at("read"), (Json{{"bytes", 4096},
                                              {"operations", 8},
                                              {"operations_across_pause", 0},
                                              {"operations_across_flush", 0},
                                              {"errors", 1},
                                              {"bytes_per_second", 100.5},
                                              {"operations_per_second", 2.5},
                                              {"latency_seconds",
                                               {{"mean", 0.1},
                                                {"p50", 0.2},
                                                {"p90", 0.3},
                                                {"p99", 0.4},
                                                {"p999", 0.5},
                                                {"p9999", 0.55},
                                                {"p99999", 0.56},
                                                {"p999999", 0.57},
                                                {"max", 0.6}}}}));
  EXPECT_EQ(device.at("engine"),
            (Json{{"kind", "splice"},
                  {"read_path", "copy"},
                  {"pipe_size_bytes", 1048576},
                  {"tuning",
                   {{{"pipe_size_bytes", 65536},
                     {"batch", 16},
                     {"direction", "write"},
                     {"source", "measured"},
                     {"why",
                      "of what was tried at the start of this job, the fastest that beat the first by more than "
                      "chance, else the first"},
                     {"tried", {{{"pipe_size_bytes", 65536}, {"batch", 16}, {"bytes_per_second", 2.5}}}}}}},
                  {"events",
                   {{{"event", "fallback"}, {"from", "map"}, {"to", "copy"}, {"errno", "EFAULT"}, {"count", 2}},
                    {{"event", "retry"}, {"errno", "ENODATA"}, {"count", 3}},
                    {{"event", "short_transfer"}, {"op", "write"}, {"count", 5}},
                    {{"event", "pipe_reset"}, {"count", 6}}}}}));
  EXPECT_EQ(device.at("errors"), (Json{{{"op", "read"},
                                        {"offset", 4096},
                                        {"length", 512},
                                        {"errno", "EIO"},
                                        {"count", 1},
                                        {"message", "read at 4096 failed"}}}));
  EXPECT_EQ(device.at("errors_omitted"), 7);
  EXPECT_EQ(device.at("verdict"), nullptr);
}

TEST(RenderJob, CriteriaHaveTheFieldsOfTheContract) {
  const Json device = render_job(testing::sample_job()).at("devices").at(0);
  EXPECT_EQ(device.at("criteria"), (Json{{{"name", "max_io_errors"},
                                          {"stage", nullptr},
                                          {"limit", 0.0},
                                          {"measured", 8.0},
                                          {"unit", "operations"},
                                          {"result", "not_met"},
                                          {"met", false},
                                          {"required", true},
                                          {"note", nullptr}}}));
}

TEST(RenderJob, AnEngineWithoutSettingsShowsNone) {
  JobSnapshot job = testing::sample_job();
  job.devices[0].engine_state = {1, {}};
  job.devices[0].tuning = {{engine::Direction::read, {0, 1}, run::TuningSource::only_choice, {}}};
  const Json engine = render_job(job).at("devices")[0].at("engine");
  EXPECT_EQ(engine.at("kind"), "psync");
  EXPECT_EQ(keys(engine), (std::set<std::string>{"kind", "tuning", "events"}));
  EXPECT_EQ(keys(engine.at("tuning")[0]), (std::set<std::string>{"direction", "source", "why", "tried"}));
  EXPECT_TRUE(engine.at("events").empty());
}

TEST(RenderJob, WhatIsNotKnownIsNull) {
  JobSnapshot job = testing::sample_job();
  job.started_at.reset();
  job.devices[0].eta_seconds.reset();
  job.devices[0].asked_for[0] = false;
  const Json rendered = render_job(job);
  EXPECT_EQ(rendered.at("started_at"), nullptr);
  EXPECT_EQ(rendered.at("devices")[0].at("eta_seconds"), nullptr);
  EXPECT_EQ(rendered.at("devices")[0].at("engine").at("read_path"), nullptr);
  EXPECT_EQ(rendered.at("devices")[0].at("kernel"), nullptr);
}

TEST(RenderJob, VerdictAndReasonAreTexts) {
  JobSnapshot job = testing::sample_job();
  job.state = job::State::failed;
  job.verdict = job::Verdict::fail;
  job.reason = "1 of 1 devices failed";
  job.devices[0].verdict = job::Verdict::fail;
  job.devices[0].kernel = device::KernelCounters{1, 512, 2, 1024, 3, 4096};
  const Json rendered = render_job(job);
  EXPECT_EQ(rendered.at("state"), "FAILED");
  EXPECT_EQ(rendered.at("verdict"), "FAIL");
  EXPECT_EQ(rendered.at("reason"), "1 of 1 devices failed");
  EXPECT_EQ(rendered.at("devices")[0].at("verdict"), "FAIL");
  EXPECT_EQ(rendered.at("devices")[0].at("kernel").at("write_bytes"), 1024);
}

TEST(RenderText, BytesThatAreNotUtf8AreReplaced) {
  JobSnapshot job = testing::sample_job();
  job.devices[0].facts.path = "/tmp/\xff";
  const Json parsed = render_job(job);
  EXPECT_EQ(parsed.at("devices")[0].at("path"), "/tmp/\xef\xbf\xbd");
}

TEST(RenderDevice, TellsWhyItMayNotBeWritten) {
  job::DeviceStatus status;
  status.facts.name = "sda";
  status.facts.path = "/dev/sda";
  status.facts.size = 1000;
  status.facts.info.model = "Disk";
  status.refusals = {"is mounted on /"};
  const Json device = render_device(status);
  EXPECT_EQ(device.at("device"), "sda");
  EXPECT_EQ(device.at("capacity_bytes"), 1000);
  EXPECT_EQ(device.at("model"), "Disk");
  EXPECT_EQ(device.at("serial"), nullptr);
  EXPECT_EQ(device.at("may_write"), false);
  EXPECT_EQ(device.at("refusals"), (Json{"is mounted on /"}));
  EXPECT_EQ(device.at("job"), nullptr);
  status.refusals.clear();
  EXPECT_EQ(render_device(status).at("may_write"), true);
}

TEST(RenderCapabilities, NamesWhatDoesNotWork) {
  engine::Capabilities caps;
  caps.kernel_release = "6.1";
  caps.read_paths[0] = {false, EFAULT};
  caps.read_paths[1] = {true, 0};
  const Json rendered = render_capabilities(caps);
  EXPECT_EQ(rendered.at("kernel_release"), "6.1");
  EXPECT_EQ(rendered.at("read_paths").at("map"), (Json{{"works", false}, {"errno", "EFAULT"}}));
  EXPECT_EQ(rendered.at("read_paths").at("copy"), (Json{{"works", true}, {"errno", nullptr}}));
  EXPECT_EQ(keys(rendered.at("read_paths")), (std::set<std::string>{"map", "copy", "read", "discard"}));
}

}  // namespace
}  // namespace spliced::api
