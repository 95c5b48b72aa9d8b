// SPDX-License-Identifier: Apache-2.0
// How the reader tells of several errors, of unknown keys and of bodies that are no job at all.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "form/spec_reader.h"

namespace spliced::form {
namespace {

using nlohmann::json;
using Pointers = std::multiset<std::string>;

Pointers pointers_of(const std::string& text) {
  const auto spec = read_spec(text);
  Pointers out;
  if (spec) return out;
  for (const auto& error : spec.error().errors) out.insert(error.pointer);
  return out;
}
Pointers pointers_of(const json& job) {
  return pointers_of(job.dump());
}

std::string detail_of(const json& job) {
  const auto spec = read_spec(job.dump());
  return spec ? "" : spec.error().errors.front().detail;
}

TEST(SpecReaderErrors, AllAreFoundAtOnce) {
  const json job = {{"name", 1},
                    {"targets", {"/a", 5, {1}}},
                    {"workload", {{"rw", "write"}, {"bs", "x"}, {"direct", 0}, {"workers", 0}, {"rwmixread", 200}}},
                    {"engine", {{"read_path", "teleport"}}},
                    {"error_policy", {{"stall_timeout", "soon"}}},
                    {"colour", "red"}};
  EXPECT_EQ(pointers_of(job), (Pointers{"/name", "/targets/1", "/targets/2", "/workload/bs", "/workload/direct",
                                        "/workload/workers", "/workload/rwmixread", "/engine/read_path",
                                        "/error_policy/stall_timeout", "/colour", "/destructive"}));
}

TEST(SpecReaderErrors, UnknownKeysAreErrorsAtEveryLevel) {
  const json job = {{"targets", {"/a"}},
                    {"Name", "x"},
                    {"workload", {{"blocksize", 4096}, {"numjobs", 1}}},
                    {"engine", {{"pipes", 2}}},
                    {"error_policy", {{"", true}}}};
  EXPECT_EQ(pointers_of(job),
            (Pointers{"/Name", "/workload/blocksize", "/workload/numjobs", "/engine/pipes", "/error_policy/"}));
  EXPECT_NE(detail_of({{"targets", {"/a"}}, {"nam", 1}}).find("name"), std::string::npos);
}

TEST(SpecReaderErrors, AListOfCpusIsOneThatCanBeRead) {
  for (const json& wrong : {json("3-1"), json(""), json(2), json(json::array({0})), json("0-5000")}) {
    const json job = {{"targets", {"/a"}}, {"workload", {{"cpus_allowed", wrong}}}};
    EXPECT_EQ(pointers_of(job), Pointers{"/workload/cpus_allowed"}) << wrong;
    EXPECT_NE(detail_of(job).find("0-3,7"), std::string::npos) << "it says what would be right";
  }
  EXPECT_TRUE(pointers_of(json{{"targets", {"/a"}}, {"workload", {{"cpus_allowed", nullptr}}}}).empty());
}

TEST(SpecReaderErrors, UnknownKeysAreEscapedInThePointer) {
  EXPECT_EQ(pointers_of(json{{"targets", {"/a"}}, {"a/b~c", 1}}), Pointers{"/a~1b~0c"});
}

TEST(SpecReaderErrors, TargetsAreNamedByIndex) {
  EXPECT_EQ(pointers_of(json{{"targets", {"/a", "relative", "/a", ""}}}),
            (Pointers{"/targets/1", "/targets/2", "/targets/3"}));
  EXPECT_EQ(pointers_of(json{{"targets", {std::string("/a\0b", 4)}}}), Pointers{"/targets/0"});
  EXPECT_EQ(pointers_of(json{{"targets", "/a"}}), Pointers{"/targets"});
  EXPECT_EQ(pointers_of(json::object()), Pointers{"/targets"});
  json many = {{"targets", json::array()}};
  for (int i = 0; i < 1025; ++i) many["targets"].push_back("/t" + std::to_string(i));
  EXPECT_EQ(pointers_of(many), Pointers{"/targets"});
}

TEST(SpecReaderErrors, TargetsBehindAWrongOneKeepTheirIndex) {
  EXPECT_EQ(pointers_of(json{{"targets", {5, "/a", "relative"}}}), (Pointers{"/targets/0", "/targets/2"}));
  EXPECT_EQ(pointers_of(json{{"targets", {5, "relative"}}}), (Pointers{"/targets/0", "/targets/1"}));
}

TEST(SpecReaderErrors, WhatDestroysNeedsSayingSo) {
  for (const char* rw : {"write", "randwrite", "rw", "readwrite", "randrw", "trim", "randtrim"}) {
    EXPECT_EQ(pointers_of(json{{"targets", {"/a"}}, {"workload", {{"rw", rw}}}}), Pointers{"/destructive"}) << rw;
  }
  EXPECT_EQ(pointers_of(json{
                {"targets", {"/a"}}, {"workload", {{"rw", "write"}}}, {"destructive", true}, {"allow_in_use", true}}),
            Pointers{"/allow_in_use"});
}

TEST(SpecReaderErrors, SyncInAReaderNamesTheFieldThatWasGiven) {
  for (const char* key : {"fsync", "fdatasync", "sync_file_range"}) {
    EXPECT_EQ(pointers_of(json{{"targets", {"/a"}}, {"workload", {{key, 1}}}}),
              Pointers{std::string("/workload/") + key});
  }
}

// The default of a field that could not be read is nothing to judge the others by.
TEST(SpecReaderErrors, WrongModeBringsNoFurtherErrors) {
  EXPECT_EQ(pointers_of(json{{"targets", {"/a"}}, {"workload", {{"rw", "writ"}, {"fsync", 1}}}}),
            Pointers{"/workload/rw"});
  EXPECT_EQ(pointers_of(json{{"targets", {"/a"}}, {"workload", {{"rw", "rand"}, {"random_distribution", "zipf:1"}}}}),
            Pointers{"/workload/rw"});
}

TEST(SpecReaderErrors, MalformedIsNotTheSameAsWrong) {
  for (const char* text : {"", "{", "[1,]", "{\"a\": 1, \"a\": 2}", "{\"targets\": [\"\xff\"]}", "{} {}"}) {
    const auto spec = read_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_TRUE(spec.error().malformed) << text;
    EXPECT_EQ(spec.error().errors.size(), 1U);
  }
  EXPECT_EQ(read_spec(R"({"workload": {"bs": 1, "bs": 2}})").error().errors.front().pointer, "/workload/bs");
}

TEST(SpecReaderErrors, BodyIsAnObject) {
  for (const char* text : {"[]", "5", "\"x\"", "null", "true", "[{\"targets\": [\"/a\"]}]"}) {
    const auto spec = read_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_FALSE(spec.error().malformed) << text;
    EXPECT_EQ(pointers_of(std::string(text)), Pointers{""}) << text;
  }
}

TEST(SpecReaderErrors, QuotedValuesAreCut) {
  const std::string detail = detail_of({{"targets", {"/a"}}, {"workload", {{"rw", std::string(100'000, 'x')}}}});
  EXPECT_LT(detail.size(), 300U);
}

TEST(SpecReaderErrors, WithoutHttpItIsOneInvalidErrorWithAllDetails) {
  const auto spec = read_spec_or_error(R"({"name": 1, "colour": 2})");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, util::Errc::invalid);
  EXPECT_EQ(spec.error().details.size(), 3U);
  for (const char* part : {"/name", "/colour", "/targets"}) {
    EXPECT_NE(spec.error().message.find(part), std::string::npos) << spec.error().message;
  }
  EXPECT_TRUE(read_spec_or_error(R"({"targets": ["/a"]})"));
}

}  // namespace
}  // namespace spliced::form
