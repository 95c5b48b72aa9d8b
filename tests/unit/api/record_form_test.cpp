// SPDX-License-Identifier: Apache-2.0
#include "api/record_form.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/answers.h"
#include "api/job_text.h"
#include "form/render.h"
#include "sample_job.h"
#include "unit/form/spec_texts.h"
#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using job::JobSnapshot;
using job::JobView;
using testing::pieces_of;
using testing::sample_job;
using testing::text_of;

Json render_view(JobView view) {
  return Json::parse(text_of(job_text(std::move(view))));
}
job::DeviceSnapshot through(const job::DeviceSnapshot& device) {
  const job::RecordForm form = record_form();
  return form.read_device(form.write_device(device));
}

// A device with stages and streams, each with something of its own.
job::DeviceSnapshot device_with_stages() {
  job::DeviceSnapshot device = sample_job().devices.at(0);
  device.cpu_wait_seconds = 0.25;
  device.host_errors = 2;
  device.unmeasured = true;
  device.idle_stage = "write";
  device.unchecked_stage = "check";
  device.safety_read_bytes = 4096;
  device.kernel = device::KernelCounters{1, 512, 2, 1024, 3, 4096};
  device.verdict = job::Verdict::fail;
  device.facts.info.wwn = "0x5000c500a1b2c3d4";
  device.facts.size = 1 << 30;
  for (const char* name : {"write", "read"}) {
    run::StageSnapshot& stage = device.stages.emplace_back(device);
    stage.name = name;
    stage.reason = std::string("why ") + name;
    for (std::uint64_t i = 0; i < 2; ++i) {
      run::StageSnapshot stream = stage;
      stream.streams.clear();
      stream.name = std::string(name) + std::to_string(i);
      stream.ops[1] = {i, 2, 3, 0.5, 1.0 / 3.0, {1e-9, 2e-6, 3e-3, 0.1, 0.2, 0.3, 0.4, 0.5, 7}, 4, 0};
      stream.errors[0].offset = i;
      stream.errors.push_back({util::Op::fdatasync, ~std::uint64_t{0} >> 1, 1, "EOF", i + 1, "odd \xff text"});
      stage.streams.push_back(std::move(stream));
    }
  }
  device.stages[0].state = job::State::succeeded;
  return device;
}

TEST(RecordForm, ADeviceIsReadAsItWasWritten) {
  const job::DeviceSnapshot before = device_with_stages();
  const job::DeviceSnapshot after = through(before);
  EXPECT_EQ(form::render_run(after), form::render_run(before));
  EXPECT_EQ(form::render_run(after).dump(-1, ' ', false, Json::error_handler_t::replace),
            form::render_run(before).dump(-1, ' ', false, Json::error_handler_t::replace))
      << "to the digit, and in the same order";
  EXPECT_EQ(after.host_errors, 2U);
  EXPECT_TRUE(after.unmeasured);
  EXPECT_EQ(after.idle_stage, "write");
  EXPECT_EQ(after.facts.info.wwn, before.facts.info.wwn);
  EXPECT_EQ(after.facts.size, before.facts.size);
  EXPECT_EQ(after.range.block, before.range.block);
  EXPECT_EQ(after.asked_for, before.asked_for);
  EXPECT_EQ(after.stages.at(1).streams.at(1).host_errors, 2U);
  EXPECT_EQ(after.engine.events, before.engine.events);
}

TEST(RecordForm, WhatIsNotKnownStaysUnknown) {
  job::DeviceSnapshot device;
  device.facts.name = "sda";
  EXPECT_EQ(form::render_run(through(device)), form::render_run(device));
}

TEST(RecordForm, EachEngineIsReadAsItWasWritten) {
  for (std::size_t kind = 0; kind < engine::kKinds; ++kind) {
    job::DeviceSnapshot device;
    device.engine_state.kind = kind;
    for (std::size_t i = 0; i < engine::kind_at(kind).events().size(); ++i) device.engine.events[kind][i] = i;
    for (bool& asked : device.asked_for) asked = true;
    device.engine_state.values[0] = 1;
    device.tuning = {{engine::Direction::write, {0, 1}, run::TuningSource::job, {}}};
    EXPECT_EQ(form::render_run(through(device)), form::render_run(device)) << engine::kind_at(kind).name();
  }
}

TEST(RecordForm, ErrorsHaveRowsWithTheirPlace) {
  const store::StoredDevice stored = record_form().write_device(device_with_stages());
  std::vector<store::StoredPlace> places;
  for (const auto& error : stored.errors) places.push_back(error.place);
  EXPECT_EQ(places, (std::vector<store::StoredPlace>{
                        {-1, -1}, {0, -1}, {0, 0}, {0, 0}, {0, 1}, {0, 1}, {1, -1}, {1, 0}, {1, 0}, {1, 1}, {1, 1}}));
  EXPECT_EQ(stored.figures.find("\"errors\":["), std::string::npos);
  EXPECT_EQ(stored.stages.at(0).state, "SUCCEEDED");
  EXPECT_EQ(stored.wwn, "0x5000c500a1b2c3d4");
}

TEST(RecordForm, ErrorsOfADeviceThatAreThoseOfItsStagesAreStoredOnce) {
  job::DeviceSnapshot device = device_with_stages();
  device.errors.clear();
  for (const auto& stage : device.stages)
    device.errors.insert(device.errors.end(), stage.errors.begin(), stage.errors.end());
  EXPECT_EQ(record_form().write_device(device).errors.front().place, (store::StoredPlace{0, -1}));
  EXPECT_EQ(form::render_run(through(device)), form::render_run(device));
}

TEST(RecordForm, PathsKeepTheirBytes) {
  job::DeviceSnapshot device;
  device.facts.name = device.facts.path = "/srv/\xff\xfe";
  EXPECT_EQ(through(device).facts.path, device.facts.path);
}

TEST(RecordForm, ASpecIsReadAsItWasWritten) {
  const job::RecordForm form = record_form();
  for (const nlohmann::json& text : {testing::minimal(), testing::with("/workload/bs", "64k"),
                                     testing::with("/stages", {{{"name", "a"}, {"wait", "5s"}},
                                                               {{"name", "b"}, {"workload", {{"rw", "write"}}}}})}) {
    const plan::JobSpec spec = testing::read(text);
    EXPECT_EQ(form::render_spec(form.read_spec(form.write_spec(spec))), form::render_spec(spec));
  }
}

TEST(RecordForm, WhatIsBrokenIsSurvived) {
  const job::RecordForm form = record_form();
  for (const char* text : {"", "not json", "[]", "5", "{", "{\"io\":5,\"engine\":[],\"criteria\":{}}",
                           "{\"engine\":{\"kind\":\"gone\",\"events\":[5],\"tuning\":{\"a\":1}},\"progress\":\"x\"}"}) {
    store::StoredDevice device;
    device.name = "sda";
    device.figures = text;
    device.stages = {{"write", "RUNNING", text}};
    device.errors = {{{7, 7}, "levitate", "", 0, 0, 0, ""}, {{}, "levitate", "", 0, 0, 0, ""}};
    EXPECT_EQ(form.read_device(device).facts.name, "sda") << text;
    (void)form::render_run(form.read_device(device));
    (void)form::render_spec(form.read_spec(text));
  }
}

// What earlier versions stored: the job as the API showed it, without white space.
std::string document_of(const JobSnapshot& job) {
  Json out = render_head(job);
  out.erase("run_id");
  out["devices"] = Json::array();
  for (const auto& device : job.devices) out["devices"].push_back(form::render_run(device));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}
JobView read_document(const std::string& text, JobView view) {
  return record_form().read_document([text] { return pieces_of(text, 7); }, std::move(view));
}

TEST(RecordForm, ADocumentIsReadAsItWas) {
  JobSnapshot before = sample_job();
  before.elapsed = 1'234'567'891;
  before.devices.push_back(device_with_stages());
  JobView view;
  view.head = before;
  view.head.devices.clear();
  view.head.spec = {};
  view.head.spec.name = before.spec.name;
  view.head.elapsed.reset();
  view.devices = 2;
  const Json expected = render_view(job::view_of(before));
  const JobView read = read_document(document_of(before), view);
  EXPECT_EQ(render_view(read), expected);
  EXPECT_EQ(render_view(read), expected) << "once more";
  EXPECT_EQ(read.device(0).facts.name, "loop0");
  EXPECT_TRUE(read.device(0).stages.empty()) << "the first after the last";
}

TEST(RecordForm, DocumentsOfAJobWithOneWorkloadAndOneEngineAreRead) {
  JobView view;
  view.head.spec.name = "old";
  view.devices = 2;
  const JobView read = read_document(
      R"({"id":"x","name":"old","targets":["/dev/sda"],"workload":{"rw":"write","bs":"64k"},"splice":{"pipe_size":65536},)"
      R"("destructive":true,"devices":[{"device":"sda","state":"FAILED","splice":{"read_path":"copy","pipe_size_bytes":4096,)"
      R"("fallbacks":[{"from":"map","to":"copy","errno":"EFAULT","count":2}],"retries":0}},{"device":"sdb"}]})",
      view);
  EXPECT_EQ(read.head.spec.name, "old");
  EXPECT_TRUE(read.head.spec.destructive);
  const Json spec = form::render_spec(read.head.spec);
  EXPECT_EQ(spec.at("stages").at(0).at("workload").at("bs"), "64k");
  EXPECT_EQ(spec.at("stages").at(0).at("engine").at("pipe_size"), 65536);
  const Json device = form::render_run(read.device(0));
  EXPECT_EQ(device.at("state"), "FAILED");
  EXPECT_EQ(device.at("engine").at("pipe_size_bytes"), 4096);
  EXPECT_EQ(device.at("engine").at("events").at(0).at("count"), 2);
  EXPECT_EQ(read.device(1).facts.name, "sdb");
  EXPECT_EQ(read.device(2).facts.name, "");
}

TEST(RecordForm, ABrokenDocumentIsSurvived) {
  for (const char* text : {"", "not json", "[]", "5", "{", "{\"devices\": 5}", "{\"devices\":[{}]}",
                           "{\"devices\":[5]}", "{\"devices\":[{\"state\":5}]}"}) {
    JobView view;
    view.head.id = "x";
    view.devices = 1;
    EXPECT_EQ(render_view(read_document(text, view)).at("id"), "x") << text;
  }
}

}  // namespace
}  // namespace spliced::api
