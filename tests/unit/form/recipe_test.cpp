// SPDX-License-Identifier: Apache-2.0
#include "form/recipe.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "form/spec_reader.h"
#include "unit/http/raw_client.h"

namespace spliced::form {
namespace {

using nlohmann::json;

const RecipeBook kBook = RecipeBook::built_in();

json job_of(const std::string& recipe, const json& parameters = json::object()) {
  return {{"recipe", recipe}, {"parameters", parameters}, {"targets", {"/dev/sdz"}}, {"destructive", true}};
}
std::string first_error(const json& job) {
  const auto read = read_spec(job.dump(), kBook);
  return read ? "" : read.error().errors.front().pointer + ": " + read.error().errors.front().detail;
}
std::vector<std::string> stages_of(const json& job) {
  std::vector<std::string> out;
  const auto read = read_spec(job.dump(), kBook);
  if (!read) return {first_error(job)};
  for (const auto& stage : read->spec.stages) out.push_back(stage.name);
  return out;
}

TEST(Recipe, EveryOneOfTheDaemonsIsAJobByDefault) {
  EXPECT_EQ(8U, kBook.all().size());
  for (const auto& [name, recipe] : kBook.all()) {
    EXPECT_EQ(name, json::parse(recipe.text()).at("name"));
    json job = job_of(name);
    EXPECT_EQ("", first_error(job)) << name;
    const json whole = json::parse(recipe.text());
    for (const auto& parameter : whole.at("parameters")) {
      job["parameters"][parameter.at("name").get<std::string>()] = parameter.at("default");
    }
    EXPECT_EQ("", first_error(job)) << name;
  }
}

TEST(Recipe, ParametersGoWhereTheyBelong) {
  const auto read = read_spec(job_of("quick", {{"size", "1G"}, {"workers", 7}, {"runtime", "3s"}}).dump(), kBook);
  ASSERT_TRUE(read);
  EXPECT_EQ("quick", read->spec.recipe);
  EXPECT_EQ(7, json::parse(read->spec.recipe_parameters).at("workers"));
  const auto& write = std::get<run::StreamsSpec>(read->spec.stages[0].what).streams[0].io.workload;
  EXPECT_TRUE(write.size.at_most);
  EXPECT_EQ(1ULL << 30, write.size.bytes);
  const auto& reads = std::get<run::StreamsSpec>(read->spec.stages[2].what).streams[0].io.workload;
  EXPECT_EQ(7U, reads.workers);
  EXPECT_EQ(3 * util::kSecond, reads.runtime);
}

TEST(Recipe, StagesComeAndGoWithParameters) {
  using StageNames = std::vector<std::string>;
  EXPECT_EQ(1U, stages_of(job_of("burnin-hdd")).size());
  EXPECT_EQ(9U, stages_of(job_of("burnin-hdd", {{"patterns", true}})).size());
  EXPECT_EQ((StageNames{"fill", "check", "steady"}), stages_of(job_of("precondition")));
  EXPECT_EQ((StageNames{"purge", "fill", "check", "random"}),
            stages_of(job_of("precondition", {{"purge", "discard"}, {"random_passes", 2}, {"until", "none"}})));
  EXPECT_EQ((StageNames{"write"}), stages_of(job_of("power-cycle")));
  EXPECT_EQ((StageNames{"check"}), stages_of(job_of("power-cycle", {{"half", "check"}})));
  const std::string run = "5de22ddf-47f0-3666-018c-d8d949e796b5";
  EXPECT_EQ((StageNames{"check"}), stages_of(job_of("power-cycle", {{"half", "check"}, {"run_id", run}})));
}

TEST(Recipe, ValuesComeInAnyOfTheirNotations) {
  for (const json& share : {json("7%"), json(0.07)}) {
    const auto read = read_spec(job_of("read-scan", {{"max_slow_zone", share}}).dump(), kBook);
    ASSERT_TRUE(read) << share;
    EXPECT_DOUBLE_EQ(0.07, *read->spec.criteria.max_slow_zone);
    EXPECT_TRUE(read->spec.criteria.slow_zone_if_measurable);
  }
  EXPECT_EQ("", first_error(job_of("quick", {{"size", 1U << 30}})));
  EXPECT_EQ("", first_error(job_of("verify-only", {{"size", "50%"}, {"offset", "1M"}})));
  json null_parameters = job_of("quick");
  null_parameters["parameters"] = nullptr;
  EXPECT_EQ("", first_error(null_parameters));
}

TEST(Recipe, WhatMustBeSteadyFollowsTheParameter) {
  const auto steady = [](const json& parameters) {
    return read_spec(job_of("precondition", parameters).dump(), kBook)->spec.criteria.steady;
  };
  EXPECT_EQ(plan::Steady::required, steady(json::object()));
  EXPECT_EQ(plan::Steady::none, steady({{"until", "none"}}));
}

TEST(Recipe, WhatTheClientSaysGoesBefore) {
  json job = job_of("burnin-ssd");
  job["name"] = "rack 7";
  job["criteria"] = {{"max_io_errors", 3}};
  const auto read = read_spec(job.dump(), kBook);
  ASSERT_TRUE(read);
  EXPECT_EQ("rack 7", read->spec.name);
  EXPECT_EQ(3U, read->spec.criteria.max_io_errors);
  EXPECT_EQ(1.0, read->spec.criteria.min_coverage);
}

TEST(Recipe, WhatIsWrongIsToldWithItsPlace) {
  const auto contains = [](const json& job, const std::string& part) {
    EXPECT_NE(std::string::npos, first_error(job).find(part)) << first_error(job);
  };
  contains(job_of("burnin"), "/recipe: \"burnin\" is given; one of burnin-hdd");
  contains(job_of("quick", {{"worker", 1}}), "/parameters/worker: the recipe quick has no such parameter; it has size");
  contains(job_of("quick", {{"workers", 65}}), "/parameters/workers: 65 is given; at most 64");
  contains(job_of("quick", {{"workers", "4"}}), "/parameters/workers: \"4\" is given; a whole number");
  contains(job_of("quick", {{"size", "much"}}), "/parameters/size: ");
  contains(job_of("quick", {{"runtime", "1ms"}}), "/parameters/runtime: \"1ms\" is given; at least");
  contains(job_of("precondition", {{"purge", "format"}}), "/parameters/purge: \"format\" is given; one of");
  contains(job_of("burnin-hdd", {{"patterns", "yes"}}), "/parameters/patterns: ");
  contains(job_of("burnin-hdd", {{"max_slow_zone", "120%"}}), "/parameters/max_slow_zone: ");
  contains(job_of("burnin-hdd", {{"max_slow_zone", nullptr}}), "/parameters/max_slow_zone: ");
  contains(job_of("precondition", {{"round", "36500d"}, {"max_rounds", 1000}}), "max_rounds: ");
  contains(job_of("burnin-ssd", {{"mix_read", 0}}), "/parameters/mix_read: 0 is given; at least 5");
  json both = job_of("quick");
  both["workload"] = json::object();
  contains(both, "/workload: a recipe has stages of its own");
  json no_recipe = {{"targets", {"/dev/sdz"}}, {"parameters", json::object()}};
  contains(no_recipe, "/parameters: only a recipe has parameters");
  json list = job_of("quick");
  list["parameters"] = json::array();
  contains(list, "/parameters: [] is given; an object");
  json number = job_of("quick");
  number["recipe"] = 7;
  contains(number, "/recipe: 7 is given");
}

TEST(RecipeBook, ADirectoryGoesBeforeWhatIsBuiltIn) {
  const test::TempDir dir;
  const auto write = [&](const std::string& name, const std::string& text) { std::ofstream(dir / name) << text; };
  write("quick.json", R"({"name": "quick", "title": "t", "description": "d", "job": {"workload": {"rw": "read"}}})");
  write("own.json",
        R"({"name": "own", "title": "t", "description": "d", "job": {"workload": {"rw": "read", "bs": "$bs"}},
            "parameters": [{"name": "bs", "type": "size", "default": "4k", "description": "d"}]})");
  write("notes.txt", "no recipe");
  write("broken.json", "{");
  write("unknown.json", R"({"name": "u", "title": "t", "description": "d", "job": {"name": "$nobody"}})");
  write("untyped.json", R"({"name": "v", "title": "t", "description": "d", "job": {},
                            "parameters": [{"name": "a", "type": "float", "default": 1, "description": "d"}]})");
  // What is not there by default is looked at, too.
  write("hidden.json", R"({"name": "w", "title": "t", "description": "d",
                           "job": {"stages": [{"$if": "more", "workload": {"bs": "$typo"}}]},
                           "parameters": [{"name": "more", "type": "boolean", "default": false, "description": "d"}]})");
  write("condition.json", R"({"name": "x", "title": "t", "description": "d", "job": {"stages": [{"$if": 5}]}})");
  write("twice.json", R"({"name": "own", "title": "t", "description": "d", "job": {}})");
  RecipeBook book = RecipeBook::built_in();
  const auto wrong = book.add_directory(dir.path());
  EXPECT_EQ(6U, wrong.size());
  for (const std::string& one : wrong) EXPECT_NE(std::string::npos, one.find(dir.path())) << one;
  EXPECT_EQ(9U, book.all().size());
  EXPECT_TRUE(book.find("own") != nullptr);
  EXPECT_TRUE(read_spec(R"({"recipe": "quick", "targets": ["/dev/sdz"]})", book));
  EXPECT_TRUE(book.add_directory(dir / "nowhere").empty());
}

}  // namespace
}  // namespace spliced::form
