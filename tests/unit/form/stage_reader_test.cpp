// SPDX-License-Identifier: Apache-2.0
#include "form/stage_reader.h"

#include "spec_texts.h"
#include "unit/plan/spec_parts.h"

namespace spliced::form {
namespace {

using nlohmann::json;
using testing::errors_of;
using testing::minimal;
using testing::only;
using testing::read;

json with_stage(const json& stage) {
  json out = minimal();
  out.erase("workload");
  out["stages"] = json::array({stage});
  return out;
}

TEST(StageReader, AStageMayHaveStreams) {
  json stage = {{"streams",
                 {{{"workload", {{"bs", "8k"}}}, {"ramp_time", 3}},
                  {{"name", "w"}, {"start_delay", "2s"}, {"workload", json::object()}}}},
                {"ramp_time", 1},
                {"runtime", 9},
                {"engine", {{"kind", "psync"}}}};
  const plan::JobSpec spec = read(with_stage(stage));
  const auto& streams = std::get<run::StreamsSpec>(spec.stages.at(0).what);
  EXPECT_EQ(streams.ramp_time, util::kSecond);
  EXPECT_EQ(streams.runtime, 9 * util::kSecond);
  ASSERT_EQ(streams.streams.size(), 2U);
  EXPECT_EQ(streams.streams[0].name, "stream-1");
  EXPECT_EQ(streams.streams[0].io.workload.bs, workload::PerOp(8192));
  EXPECT_EQ(streams.streams[0].io.workload.ramp_time, 3 * util::kSecond);
  EXPECT_EQ(streams.streams[1].name, "w");
  EXPECT_EQ(streams.streams[1].start_delay, 2 * util::kSecond);
  EXPECT_EQ(streams.streams[1].io.engine, engine::Options(engine::PsyncOptions{}));
}

TEST(StageReader, StreamsAreRefusedWhereTheyAreWritten) {
  const auto refused = [](const json& streams) { return errors_of(with_stage({{"streams", streams}}).dump()); };
  const std::string at = "/stages/0/streams";
  const json good = {{"workload", json::object()}};
  EXPECT_EQ(refused(json::array()), only(at));
  EXPECT_EQ(refused(json::object()), only(at));
  EXPECT_EQ(refused({good, 7}), only(at + "/1"));
  EXPECT_EQ(refused({good, json::object()}), only(at + "/1"));
  EXPECT_EQ(refused({good, {{"workload", {{"bs", 1}}}}}), only(at + "/1/workload/bs"));
  EXPECT_EQ(refused({{{"name", ""}, {"workload", json::object()}}}), only(at + "/0/name"));
  EXPECT_EQ(refused({good, {{"name", "stream-1"}, {"workload", json::object()}}}), only(at + "/1/name"));
  EXPECT_EQ(refused({good, {{"workload", {{"direct", false}}}}}), only(at + "/1/workload/direct"));
  EXPECT_EQ(refused({good, {{"workload", {{"workers", 64}}}}}), only(at)) << "65 workers";
  EXPECT_EQ(refused({{{"workload", {{"time_based", true}}}}}), only(at + "/0/workload/time_based"));
}

TEST(StageReader, StagesMayBeRepeated) {
  const json inner = {{{"workload", json::object()}}, {{"name", "cool"}, {"wait", 2}}};
  json stage = {
      {"name", "round"}, {"repeat", {{"times", 3}, {"stages", inner}}}, {"error_policy", {{"max_errors", 4}}}};
  const plan::JobSpec spec = read(with_stage(stage));
  std::vector<std::string> names;
  for (const auto& leaf : plan::leaves_of(spec)) {
    names.push_back(leaf.stage.name);
    EXPECT_EQ(leaf.stage.error_policy.max_errors, 4U);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"stage-1.1#1", "cool#1", "stage-1.1#2", "cool#2", "stage-1.1#3", "cool#3"}));
  const auto refused = [](const json& repeat) { return errors_of(with_stage({{"repeat", repeat}}).dump()); };
  const std::string at = "/stages/0/repeat";
  EXPECT_EQ(refused({{"times", 0}, {"stages", inner}}), only(at + "/times"));
  EXPECT_EQ(refused({{"stages", inner}}), only(at));
  EXPECT_EQ(refused({{"times", 2}, {"stages", json::array()}}), only(at + "/stages"));
  EXPECT_EQ(refused({{"times", 513}, {"stages", inner}}), only("/stages")) << "1,026 of them";
  EXPECT_EQ(refused({{"times", 1'000'000'000'000}, {"stages", inner}}), only("/stages"));
  EXPECT_EQ(refused({{"times", 2}, {"stages", {{{"workload", {{"bs", 1}}}}}}}), only(at + "/stages/0/workload/bs"));
  EXPECT_EQ(refused({{"times", 2}, {"stages", {{{"name", "a"}, {"wait", 1}}, {{"name", "a"}, {"wait", 1}}}}}),
            only(at + "/stages/1/name"));
}

TEST(StageReader, AStageIsOfOneKind) {
  EXPECT_EQ(errors_of(with_stage({{"wait", 1}, {"workload", json::object()}}).dump()), only("/stages/0"));
  EXPECT_EQ(errors_of(with_stage({{"wait", 1}, {"repeat", {{"times", 1}, {"stages", {{{"wait", 1}}}}}}}).dump()),
            only("/stages/0"));
  EXPECT_EQ(errors_of(with_stage(json::object()).dump()), only("/stages/0"));
}

}  // namespace
}  // namespace spliced::form
