// SPDX-License-Identifier: Apache-2.0
#include "stage_reader.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "criteria_form.h"
#include "data_reader.h"
#include "spliced/engine/kind.h"
#include "workload_reader.h"

namespace spliced::form {

using nlohmann::json;

namespace {

// A number, or "auto" for 0.
void read_size_or_auto(JsonObjectReader& fields, const char* key, std::uint64_t& out) {
  const json* value = fields.find(key);
  if (value == nullptr || *value == "auto") return;
  std::uint64_t given = 1;
  fields.read_size(key, given);
  out = given;
  if (given == 0) fields.error(key, "0 is given; \"auto\" or a number above 0 is expected");
}

void read_options(JsonObjectReader& fields, engine::SpliceOptions& engine) {
  const json* path = fields.find("read_path");
  if (path != nullptr && *path != "auto") {
    engine::ReadPath pinned = engine::ReadPath::copy;
    fields.read_name("read_path", engine::kReadPathNames, pinned);
    engine.read_path = pinned;
  }
  read_size_or_auto(fields, "pipe_size", engine.pipe_size);
  read_size_or_auto(fields, "batch", engine.batch);
  fields.read("gift", engine.gift);
}

// It has none; those of another kind are told apart from what nobody knows.
void read_options(JsonObjectReader& fields, engine::PsyncOptions&) {
  for (const char* key : {"read_path", "pipe_size", "batch", "gift"}) {
    if (fields.find(key) != nullptr) fields.error(key, "is an option of the engine splice, and this job's is psync");
  }
}

// Which kind it is decides which options there are.
void read_engine(JsonObjectReader& fields, engine::Options& out) {
  std::array<std::string_view, engine::kKinds> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = engine::kind_at(i).name();
  std::size_t kind = out.index();
  fields.read_name("kind", names, kind);
  if (kind != out.index()) out = engine::default_options(kind);
  std::visit([&fields](auto& options) { read_options(fields, options); }, out);
}

void read_policy(JsonObjectReader& fields, run::ErrorPolicy& out) {
  fields.read("max_errors", out.max_errors);
  fields.read_duration("stall_timeout", out.stall_timeout);
}

// Engine and error policy, of the job or of a stage.
void read_means(JsonObjectReader& fields, engine::Options& engine, run::ErrorPolicy& policy) {
  fields.nested("engine", [&](JsonObjectReader& inner) { read_engine(inner, engine); });
  fields.nested("error_policy", [&](JsonObjectReader& inner) { read_policy(inner, policy); });
}

// What a stage does not say is what the stages around it say, and then the job.
struct Means {
  engine::Options engine;
  run::ErrorPolicy policy;
};

run::StreamSpec read_stream(JsonObjectReader& fields, std::size_t index, const engine::Options& engine) {
  run::StreamSpec out;
  out.name = fmt::format("stream-{}", index + 1);
  out.io.engine = engine;
  fields.read("name", out.name);
  if (out.name.empty()) fields.error("name", "the name of a stream is empty; leave it out, or give one");
  fields.read_duration("start_delay", out.start_delay);
  fields.read_duration("ramp_time", out.io.workload.ramp_time);
  if (fields.find("workload") == nullptr) fields.error("a stream needs a \"workload\"");
  fields.nested("workload", [&](JsonObjectReader& inner) { read_workload(inner, out.io); });
  return out;
}

run::StreamsSpec read_streams(JsonObjectReader& fields, const engine::Options& engine) {
  run::StreamsSpec out;
  out.streams.clear();
  fields.read_duration("ramp_time", out.ramp_time);
  fields.read_duration("runtime", out.runtime);
  fields.nested_list("streams", [&](JsonObjectReader& inner, std::size_t index) {
    out.streams.push_back(read_stream(inner, index, engine));
  });
  return out;
}

// `ramp_time` and `runtime` may be given beside the workload, too: that is where a stage of streams has them.
run::StreamsSpec read_one_workload(JsonObjectReader& fields, const engine::Options& engine) {
  run::StreamsSpec out;
  run::IoSpec& io = out.streams.front().io;
  io.engine = engine;
  fields.read_duration("ramp_time", io.workload.ramp_time);
  fields.read_duration("runtime", io.workload.runtime);
  fields.nested("workload", [&](JsonObjectReader& inner) { read_workload(inner, io); });
  return out;
}

// The one of these that a stage has, or what is wrong with it.
std::string kind_of_stage(JsonObjectReader& fields) {
  std::string found;
  int count = 0;
  for (const char* kind : {"workload", "streams", "verify", "wait", "repeat"}) {
    if (fields.find(kind) == nullptr) continue;
    ++count;
    found = kind;
  }
  if (count == 0) fields.error("a stage needs a \"workload\", \"streams\", a \"verify\", a \"wait\" or a \"repeat\"");
  if (count > 1)
    fields.error("a stage is one of \"workload\", \"streams\", \"verify\", \"wait\" and \"repeat\", not several");
  return found;
}

void read_list(JsonObjectReader& fields, const Means& means, const std::string& prefix,
               std::vector<run::StageSpec>& out, std::vector<SpecForm::Stage>& forms);

// `name`: that of a stage without one.
run::StageSpec read_stage(JsonObjectReader& fields, const Means& around, std::string name, SpecForm::Stage& form) {
  run::StageSpec out;
  out.name = name;
  fields.read("name", out.name);
  form.engine = fields.find("engine") != nullptr;
  form.error_policy = fields.find("error_policy") != nullptr;
  Means means = around;
  read_means(fields, means.engine, means.policy);
  out.error_policy = means.policy;
  fields.nested("criteria", [&](JsonObjectReader& inner) { read_stage_criteria(inner, out.criteria.emplace()); });
  const std::string kind = kind_of_stage(fields);
  if (kind == "wait") {
    run::WaitSpec wait;
    fields.read_duration("wait", wait.time);
    out.what = wait;
    if (form.engine) fields.error("engine", "a stage that waits has no engine");
  } else if (kind == "verify") {
    auto& check = out.what.emplace<run::VerifySpec>();
    check.io.streams.front().io.engine = means.engine;
    read_verify_stage(fields, check);
  } else if (kind == "streams") {
    form.one_workload = false;
    out.what = read_streams(fields, means.engine);
  } else if (kind == "repeat") {
    auto& again = out.what.emplace<run::RepeatSpec>();
    fields.nested("repeat", [&](JsonObjectReader& inner) {
      if (inner.find("times") == nullptr) inner.error("a repeat needs \"times\"");
      inner.read("times", again.times);
      if (inner.find("stages") == nullptr) inner.error("a repeat needs \"stages\"");
      read_list(inner, means, name + ".", again.stages, form.stages);
    });
  } else {
    out.what = read_one_workload(fields, means.engine);
  }
  return out;
}

// `prefix`: of the names of those without one.
void read_list(JsonObjectReader& fields, const Means& means, const std::string& prefix,
               std::vector<run::StageSpec>& out, std::vector<SpecForm::Stage>& forms) {
  fields.nested_list("stages", [&](JsonObjectReader& inner, std::size_t index) {
    forms.resize(index + 1);  // what is no object has a form, too
    out.push_back(read_stage(inner, means, fmt::format("{}{}", prefix, index + 1), forms.back()));
  });
}

}  // namespace

void read_stages(JsonObjectReader& fields, plan::JobSpec& spec, SpecForm& form) {
  read_means(fields, spec.engine, spec.error_policy);
  form.one_workload = fields.find("stages") == nullptr;
  spec.stages.clear();
  if (form.one_workload) {
    form.stages.emplace_back();
    run::StageSpec& stage = spec.stages.emplace_back(run::StageSpec{"workload", {}, spec.error_policy});
    run::IoSpec& io = std::get<run::StreamsSpec>(stage.what).streams.front().io;
    io.engine = spec.engine;
    fields.nested("workload", [&](JsonObjectReader& inner) { read_workload(inner, io); });
    return plan::resolve_stages(spec);
  }
  if (fields.find("workload") != nullptr) {
    fields.error("workload", "a job has one \"workload\" or \"stages\", not both");
  }
  read_list(fields, {spec.engine, spec.error_policy}, "stage-", spec.stages, form.stages);
  plan::resolve_stages(spec);
}

}  // namespace spliced::form
