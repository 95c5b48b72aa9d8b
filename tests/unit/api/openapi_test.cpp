// SPDX-License-Identifier: Apache-2.0
// Holds openapi.yaml, the routes and the code of specs together.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "api/answers.h"
#include "api/job_text.h"
#include "api/routes.h"
#include "form/key_hints.h"
#include "form/render.h"
#include "form/spec_reader.h"
#include "service_fixture.h"
#include "unit/store/texts.h"

namespace spliced::api {
namespace {

using Names = std::set<std::string>;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

class OpenApi : public test::ServiceTest {
 protected:
  // What $ref points to, where there is one.
  [[nodiscard]] YAML::Node resolve(const YAML::Node& node) const {
    if (!node.IsMap() || !node["$ref"]) return node;
    const auto text = node["$ref"].as<std::string>();
    EXPECT_TRUE(text.starts_with("#/")) << text;
    YAML::Node at = YAML::Clone(document_);
    std::string rest = text.substr(2);
    while (!rest.empty()) {
      const auto slash = rest.find('/');
      at.reset(YAML::Node(at[rest.substr(0, slash)]));
      EXPECT_TRUE(at) << text;
      rest = slash == rest.npos ? "" : rest.substr(slash + 1);
    }
    return at;
  }
  // The properties of an object, and of objects in it, as "a", "a/b".
  void gather(const YAML::Node& given, const std::string& prefix, Names& out) const {
    const YAML::Node schema = resolve(given);
    for (const char* parts : {"allOf", "oneOf"}) {
      for (const auto& part : schema[parts]) gather(part, prefix, out);
    }
    for (const auto& property : schema["properties"]) {
      const std::string name = prefix + property.first.as<std::string>();
      out.insert(name);
      gather(property.second, name + "/", out);
    }
  }
  [[nodiscard]] Names properties_of(const std::string& schema) const {
    Names out;
    gather(document_["components"]["schemas"][schema], "", out);
    return out;
  }

  const YAML::Node document_ = YAML::LoadFile(SPLICED_SOURCE_DIR "/api/openapi.yaml");
};

void gather_keys(const Json& value, const std::string& prefix, Names& out) {
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    out.insert(prefix + key);
    gather_keys(member, prefix + key + "/", out);
  }
}
Names keys_of(const Json& value) {
  Names out;
  gather_keys(value, "", out);
  return out;
}

// "workload/bs/read": told with what it is in.
bool is_per_op(const std::string& name) {
  return std::count(name.begin(), name.end(), '/') >= 2;
}

TEST_F(OpenApi, IsVersion31AndThisProgram) {
  EXPECT_TRUE(document_["openapi"].as<std::string>().starts_with("3.1"));
  EXPECT_TRUE(document_["info"]["title"]);
  EXPECT_TRUE(document_["info"]["version"]);
}

TEST_F(OpenApi, DaemonServesThisFile) {
  EXPECT_EQ(read_file(SPLICED_SOURCE_DIR "/api/openapi.yaml"), std::string(embedded::openapi_yaml));
}

TEST_F(OpenApi, EveryRouteIsInTheFileAndTheReverse) {
  Names coded{"GET /metrics", "GET /livez", "GET /readyz"};  // these come from the metrics room
  for (const auto& route : api_routes(*service_, recipes_, {})) coded.insert(route.method + " " + route.path);
  Names written;
  for (const auto& path : document_["paths"]) {
    for (const auto& operation : path.second) {
      std::string method = operation.first.as<std::string>();
      if (method == "parameters" || method == "summary" || method == "description") continue;
      std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::toupper(c); });
      written.insert(method + " " + path.first.as<std::string>());
    }
  }
  EXPECT_EQ(written, coded);
}

TEST_F(OpenApi, TheManualHasEveryFieldOfAJob) {
  std::string page = read_file(SPLICED_SOURCE_DIR "/packaging/man/spliced-job.5");
  std::erase(page, '\\');
  Names all = properties_of("JobSpec");
  all.merge(properties_of("Stage"));
  for (const auto& name : all) {
    if (is_per_op(name) || name.starts_with("repeat/")) continue;
    EXPECT_NE(page.find(".TP\n.B " + name.substr(name.rfind('/') + 1) + "\n"), page.npos) << name;
  }
  EXPECT_GT(properties_of("JobSpec").size(), 30U);
}

TEST_F(OpenApi, EveryPlaceholderIsAParameter) {
  for (const auto& path : document_["paths"]) {
    const auto text = path.first.as<std::string>();
    const auto open = text.find('{');
    if (open == text.npos) continue;
    const std::string name = text.substr(open + 1, text.find('}') - open - 1);
    bool found = false;
    for (const auto& given : path.second["parameters"]) {
      const YAML::Node parameter = resolve(given);
      found = found || (parameter["name"].as<std::string>() == name && parameter["in"].as<std::string>() == "path");
    }
    EXPECT_TRUE(found) << text;
  }
}

TEST_F(OpenApi, EveryOperationHasAnIdOfItsOwnAndAnswers) {
  Names ids;
  for (const auto& path : document_["paths"]) {
    for (const auto& operation : path.second) {
      if (!operation.second.IsMap() || !operation.second["responses"]) continue;
      EXPECT_TRUE(ids.insert(operation.second["operationId"].as<std::string>()).second);
      EXPECT_GT(operation.second["responses"].size(), 0U);
    }
  }
  EXPECT_GE(ids.size(), 14U);
}

TEST_F(OpenApi, EveryReferenceLeadsSomewhere) {
  std::vector<YAML::Node> open{document_};
  int references = 0;
  while (!open.empty()) {
    const YAML::Node node = open.back();
    open.pop_back();
    if (node.IsMap() && node["$ref"]) {
      ++references;
      (void)resolve(node);
    }
    for (const auto& item : node) open.push_back(node.IsMap() ? item.second : YAML::Node(item));
  }
  EXPECT_GT(references, 10);
}

// Limits are members where there are any.
Json with_limits(Json object) {
  Json limits = {{"stop", false}, {"cycle", "1s"}};
  for (const char* direction : {"read", "write", "trim"}) limits[direction] = "";
  object["latency"] = limits;
  limits["per_tb"] = false;
  object["min_rate"] = limits;
  return object;
}

TEST_F(OpenApi, JobSpecHasTheFieldsOfTheCode) {
  // Where reads, writes and trims may be told apart, they are.
  plan::JobSpec per_op = spec_of_short();
  workload::WorkloadSpec& w = testing::io(per_op).workload;
  w.bs = workload::PerOp(512, 1024, 2048);
  w.rate = workload::RateLimit(workload::PerOp(1, 2, 3));
  w.rate_iops = workload::RateLimit(workload::PerOp(1, 2, 3));
  run::IoSpec& io = testing::io(per_op);
  io.check = {run::CheckSpec::What::own, false, 1 << 20, {}, {}, {}};
  io.payload.interval = 512;
  io.until.emplace();
  Json spec = form::render_spec(per_op);
  spec["workload"] = spec["stages"][0]["workload"];
  spec["criteria"] = with_limits(spec["criteria"]);
  EXPECT_EQ(properties_of("JobSpec"), keys_of(spec));
  Json stage = spec["stages"][0];
  for (const char* key : {"wait", "streams", "ramp_time", "runtime"}) stage[key] = "0s";
  stage["repeat"] = {{"times", 1}, {"stages", Json::array()}};
  stage["verify"] = Json::object();
  stage["criteria"] = with_limits(Json::object());
  for (const char* key : {"of", "interval", "verify_distance", "offset", "size", "workers", "direct"})
    stage["verify"][key] = "";
  for (const char* key : {"run_id", "seed", "adopt", "complete", "payload"}) stage["verify"]["only"][key] = "";
  stage["verify"]["bs"] = stage["workload"]["bs"];
  EXPECT_EQ(properties_of("Stage"), keys_of(stage));
}

TEST_F(OpenApi, AnswersHaveASchemaInWhichEveryFieldIsThere) {
  const auto required = [&](const char* schema) {
    Names out;
    for (const auto& name : document_["components"]["schemas"][schema]["required"]) out.insert(name.as<std::string>());
    return out;
  };
  Json spec = form::render_spec(spec_of_short());
  spec["criteria"] = with_limits(spec["criteria"]);
  const auto members = [](const Json& object) {
    Names out;
    for (const auto& item : object.items()) out.insert(item.key());
    return out;
  };
  EXPECT_EQ(properties_of("FilledJobSpec"), keys_of(spec));
  EXPECT_EQ(required("FilledJobSpec"), members(spec));
  EXPECT_EQ(required("FilledWorkload"), members(spec.at("stages").at(0).at("workload")));
  EXPECT_EQ(required("FilledSpliceOptions"), members(spec.at("engine")));
  EXPECT_EQ(required("FilledErrorPolicy"), members(spec.at("error_policy")));
  EXPECT_EQ(required("FilledCriteria"), members(spec.at("criteria")));
}

// Each key of the definition is known where it belongs, by whoever put it elsewhere.
TEST_F(OpenApi, EveryKeyHasAHome) {
  for (const auto& name : properties_of("JobSpec")) {
    if (is_per_op(name)) continue;
    const auto slash = name.find('/');
    const std::string key = slash == name.npos ? name : name.substr(slash + 1);
    if (key == "verify") continue;  // a workload has it, and a stage
    const std::string home = slash == name.npos ? "the job itself" : "/" + name.substr(0, slash);
    EXPECT_EQ(form::key_hint("/elsewhere", key), "it belongs into " + home);
    EXPECT_EQ(form::fio_hint(key), "") << key;
  }
}

// A generator that takes a default for "always there" would make every client send all of them.
TEST_F(OpenApi, NoFieldOfARequestHasADefault) {
  for (const char* name : {"JobSpec", "Stage", "Workload", "EngineOptions", "ErrorPolicy", "Criteria"}) {
    for (const auto& property : document_["components"]["schemas"][name]["properties"]) {
      EXPECT_FALSE(property.second["default"]) << name << "/" << property.first.as<std::string>();
    }
  }
}

TEST_F(OpenApi, ListsEveryProblemType) {
  Names coded{http::problem_type("malformed")};
  for (const auto name : util::kReasonNames) coded.insert(http::problem_type(name));
  for (int status = 400; status < 600; ++status) coded.insert(http::problem_type(http::status_problem(status)));
  Names written;
  const YAML::Node schema = document_["components"]["schemas"]["ProblemType"];
  for (const auto& name : schema["enum"]) written.insert(name.as<std::string>());
  EXPECT_EQ(written, coded);
  const auto text = schema["description"].as<std::string>();
  const std::size_t prefix = http::problem_type("").size();
  for (const auto& name : written) EXPECT_NE(text.find(name.substr(prefix)), text.npos) << name;
}

TEST_F(OpenApi, JobHasTheFieldsOfTheCode) {
  const Json job = Json::parse(testing::text_of(job_text(job::view_of(run(spec_of_short())))));
  const Names written = properties_of("Job");
  for (const auto& key : keys_of(job)) EXPECT_TRUE(written.contains(key)) << key;
}

TEST_F(OpenApi, SummariesHaveTheFieldsOfTheCode) {
  EXPECT_EQ(properties_of("JobSummary"), keys_of(render_summary({})));
}

TEST_F(OpenApi, NamesOfModesPathsAndPayloadsAreThoseOfTheCode) {
  const auto enum_of = [&](const char* schema, const char* property) {
    Names out;
    const YAML::Node node = resolve(document_["components"]["schemas"][schema]["properties"][property]);
    for (const auto& name : node["enum"]) out.insert(name.as<std::string>());
    return out;
  };
  Names modes(workload::kModeNames.begin(), workload::kModeNames.end());
  modes.insert("readwrite");
  EXPECT_EQ(enum_of("Workload", "rw"), modes);
  Names paths(engine::kReadPathNames.begin(), engine::kReadPathNames.end());
  paths.insert("auto");
  EXPECT_EQ(enum_of("EngineOptions", "read_path"), paths);
}

TEST_F(OpenApi, KindsOfEnginesAndTheirEventsAreThoseOfTheCode) {
  const YAML::Node schemas = document_["components"]["schemas"];
  const auto names = [](const YAML::Node& list) {
    Names out;
    for (const auto& name : list) out.insert(name.as<std::string>());
    return out;
  };
  Names kinds, events;
  for (std::size_t i = 0; i < engine::kKinds; ++i) {
    kinds.insert(std::string(engine::kind_at(i).name()));
    for (const auto& event : engine::kind_at(i).events()) events.insert(std::string(event.family->event));
  }
  const YAML::Node of_device = schemas["Figures"]["properties"]["engine"]["properties"];
  EXPECT_EQ(names(schemas["EngineOptions"]["properties"]["kind"]["enum"]), kinds);
  EXPECT_EQ(names(of_device["kind"]["enum"]), kinds);
  EXPECT_EQ(names(of_device["events"]["items"]["properties"]["event"]["enum"]), events);
  EXPECT_EQ(names(schemas["Capabilities"]["properties"]["preferred_engine"]["enum"]), kinds);
  EXPECT_EQ(schemas["FilledEngineOptions"]["oneOf"].size(), kinds.size());
}

TEST_F(OpenApi, EveryExampleIsAccepted) {
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SPLICED_SOURCE_DIR "/api/examples")) {
    if (entry.path().extension() != ".json") continue;
    ++examples;
    const auto spec = form::read_spec_or_error(read_file(entry.path()));
    EXPECT_TRUE(spec) << entry.path() << ": " << spec.error().message;
  }
  EXPECT_GT(examples, 0);
}

}  // namespace
}  // namespace spliced::api
