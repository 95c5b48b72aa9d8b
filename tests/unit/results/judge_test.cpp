// SPDX-License-Identifier: Apache-2.0
#include "spliced/results/judge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "generated.h"

namespace spliced::results {
namespace {

using form::Json;
using testing::document_of;
using testing::generate_job;

std::string all_differences(const Judged& judged) {
  std::string out;
  for (const auto& device : judged.devices) {
    for (const auto& line : device.differences) out += device.name + ": " + line + "\n";
  }
  for (const auto& line : judged.differences) out += line + "\n";
  return out;
}

// Of all kinds of verdicts, and of each criterion in each of its states.
TEST(Judge, AgreesWithTheDaemon) {
  const char* asked = std::getenv("SPLICED_RESULTS");
  const unsigned wanted = asked == nullptr ? 100 : static_cast<unsigned>(std::stoul(asked));
  std::map<std::string, int> verdicts, criteria;
  for (unsigned seed = 0; seed < wanted; ++seed) {
    std::mt19937_64 random(seed);
    const auto job = generate_job(random);
    std::vector<std::optional<std::size_t>> views{std::nullopt};
    if (job.devices.size() > 1) views.emplace_back(seed % job.devices.size());
    for (const auto& only : views) {
      const auto judged = judge(document_of(job, only));
      ASSERT_TRUE(judged) << seed << ": " << judged.error().message;
      ASSERT_TRUE(judged->agrees()) << seed << "\n" << all_differences(*judged);
      for (std::size_t i = 0; i < judged->devices.size(); ++i) {
        const auto& device = judged->devices[i];
        const auto& known = job.devices[only.value_or(i)];
        ASSERT_EQ(device.verdict, verdict::kVerdictNames[static_cast<std::size_t>(known.verdict)]) << seed;
        ++verdicts[device.verdict];
        for (const auto& one : device.criteria) ++criteria[one.name.substr(0, one.name.find('.')) + " " + one.state];
        const bool is_whole = only || job.devices.size() == 1;
        ASSERT_TRUE(!is_whole || device.stages == device.worked_out) << seed;
      }
    }
  }
  for (const char* name : {"", "PASS", "FAIL", "INCONCLUSIVE"}) EXPECT_GE(verdicts[name], wanted / 50) << name;
  for (const char* name : {"max_io_errors", "max_mismatches", "max_indeterminate", "min_coverage", "max_slow_zone",
                           "max_peer_deviation", "steady", "latency", "min_rate"}) {
    EXPECT_GE(criteria[fmt::format("{} met", name)], wanted / 100) << name;
    EXPECT_GE(criteria[fmt::format("{} not_met", name)], wanted / 200) << name;
  }
}

// Goes through all numbers, texts and truths of a document.
void for_each_leaf(Json& at, const std::string& path, const std::function<void(Json&, const std::string&)>& deed) {
  if (at.is_object() || at.is_array()) {
    for (auto& [key, value] : at.items()) for_each_leaf(value, path + "/" + key, deed);
  } else {
    deed(at, path);
  }
}

// What stands there of what was measured, and what was made of it, changed one by one: it is told, wherever it matters.
TEST(Judge, WhatDoesNotFollowFromWhatWasMeasuredIsTold) {
  const std::vector<std::string> told{"/record/evidence/judged_bytes",
                                      "/record/evidence/visited_bytes",
                                      "/record/evidence/rates/0",
                                      "/record/evidence/measures/0/value",
                                      "/record/evidence/measures/0/limit",
                                      "/record/evidence/steady/steady",
                                      "/record/zones/worst"};
  std::map<std::string, int> tried;
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto job = generate_job(random);
    if (job.devices.size() != 1) continue;
    const std::string text = document_of(job, std::nullopt);
    Json document = Json::parse(text);
    for (Json& stage : document["devices"][0]["stages"]) {
      if (stage["state"] == "PENDING") stage["record"]["evidence"] = Json::object();  // it has none yet
    }
    for_each_leaf(document, "", [&](Json& value, const std::string& path) {
      const auto which = std::find_if(told.begin(), told.end(), [&](auto& end) { return path.ends_with(end); });
      const bool of_stage = path.find("/stages/") != std::string::npos;
      if (which == told.end() || (of_stage != (*which != "/record/zones/worst"))) return;
      const Json before = value;
      if (value.is_number_unsigned()) {
        value = value.get<std::uint64_t>() + 1;
      } else if (value.is_number()) {
        value = value.get<double>() * 1.001 + 1e-6;
      } else if (value.is_boolean()) {
        value = !value.get<bool>();
      } else {
        return;
      }
      const auto judged = judge(document.dump());
      value = before;
      ASSERT_TRUE(judged);
      EXPECT_FALSE(judged->agrees()) << seed << path;
      ++tried[*which];
    });
    const Json verdict = document["devices"][0]["verdict"];
    document["devices"][0]["verdict"] = verdict == "PASS" ? Json("FAIL") : Json("PASS");
    EXPECT_FALSE(judge(document.dump())->agrees());
    document["devices"][0]["verdict"] = verdict;
    document["job"]["verdict"] = job.verdict == verdict::Verdict::pass ? "FAIL" : "PASS";
    EXPECT_FALSE(judge(document.dump())->agrees());
  }
  for (const auto& end : told) EXPECT_GE(tried[end], 2) << end;
}

// A device is the sum of its stages: what is changed in one place only is told.
TEST(Judge, WhatDoesNotAddUpIsTold) {
  std::map<std::string, int> tried;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto job = generate_job(random);
    if (job.devices.size() != 1) continue;
    Json document = Json::parse(document_of(job, std::nullopt));
    Json& device = document["devices"][0];
    const auto changed = [&](const char* name, Json& value) {
      const Json before = value;
      value = before.get<std::uint64_t>() + 1;
      const auto judged = judge(document.dump());
      ASSERT_TRUE(judged);
      EXPECT_FALSE(judged->agrees()) << seed << " " << name;
      ++tried[name];
      value = before;
    };
    changed("errors", device["io"]["read"]["errors"]);
    changed("host_errors", device["record"]["host_errors"]);
    Json& stage = device["stages"][0];
    if (stage["state"] != "SUCCEEDED") continue;
    Json& latency = stage["figures"]["latency"];
    for (const char* op : {"read", "write"}) {
      if (latency[op].is_object()) changed("operations", stage["io"][op]["operations"]);
    }
    if (device["verify"].is_object()) changed("bitflip", device["verify"]["mismatches"]["bitflip"]);
    if (!device["criteria"].empty()) {
      Json& limit = device["criteria"][0]["limit"];
      const Json before = limit;
      limit = before.get<double>() + 1;
      EXPECT_FALSE(judge(document.dump())->agrees());
      limit = before;
    }
    stage["figures"]["damage"] = {{{"band", 3}, {"kind", "ones"}, {"count", 9}}};
    EXPECT_FALSE(judge(document.dump())->agrees());
  }
  for (const char* name : {"errors", "host_errors", "operations", "bitflip"}) EXPECT_GE(tried[name], 10) << name;
}

// Before its end a job has no verdict, whatever some of its devices came to; a stage that goes on is taken as it
// stands.
TEST(Judge, AJobThatGoesOnIsNotJudgedAsAWhole) {
  std::mt19937_64 random(3);
  auto job = generate_job(random);
  while (job.verdict != verdict::Verdict::fail || job.devices.size() < 2) job = generate_job(random);
  Json document = Json::parse(document_of(job, std::nullopt));
  document["job"]["state"] = "RUNNING";
  document["job"]["verdict"] = nullptr;
  const auto judged = judge(document.dump());
  ASSERT_TRUE(judged);
  EXPECT_TRUE(judged->agrees()) << all_differences(*judged);
  EXPECT_EQ("", judged->verdict);
}

TEST(Judge, AJobOfAnEarlierVersionCannotBeJudgedAgain) {
  std::mt19937_64 random(3);
  Json document = Json::parse(document_of(generate_job(random), std::nullopt));
  document["job"]["run_id"] = nullptr;
  const auto judged = judge(document.dump());
  ASSERT_FALSE(judged);
  EXPECT_NE(judged.error().message.find("earlier version"), std::string::npos);
}

TEST(Judge, WhatIsNoDocumentIsRefused) {
  for (const char* text : {"", "[]", "{}", "7", R"({"format": 2, "job": {}, "devices": []})", R"({"format": 1})",
                           R"({"format": 1, "job": {}, "devices": [{"stages": [{"figures": {"stage": 7}}]}]})"}) {
    const auto judged = judge(text);
    ASSERT_FALSE(judged) << text;
    EXPECT_EQ(judged.error().code, util::Errc::invalid);
  }
}

TEST(Check, AChangedByteIsNoticedWhereverItIs) {
  std::mt19937_64 random(5);
  const std::string text = document_of(generate_job(random), 0);
  ASSERT_TRUE(check(text).intact) << check(text).problem;
  for (int i = 0; i < 2'000; ++i) {
    std::string changed = text;
    changed[random() % changed.size()] ^= static_cast<char>(1U << (random() % 8));
    ASSERT_FALSE(check(changed).intact) << i;
  }
}

TEST(Check, WhoMustHaveSignedIt) {
  const auto pem = [](const char* end) {
    return fmt::format(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcr{}\n-----END "
        "PRIVATE KEY-----\n",
        end);
  };
  const auto mine = SigningKey::parse(pem("n9g"), "mine"), other = SigningKey::parse(pem("n9h"), "other");
  ASSERT_TRUE(mine && other);
  std::mt19937_64 random(5);
  const auto job = generate_job(random);
  const std::string plain = document_of(job, 0), text = document_of(job, 0, *mine);
  EXPECT_TRUE(check(text).intact);
  EXPECT_EQ(check(text).signer, mine->signer());
  EXPECT_TRUE(check(text, mine->signer().public_key).intact);
  EXPECT_FALSE(check(text, other->signer().public_key).intact);
  EXPECT_FALSE(check(plain, mine->signer().public_key).intact);
  EXPECT_FALSE(check(plain).signer);
  // Somebody puts another name above it, and makes the hash anew.
  std::string forged = text.substr(0, text.rfind(",\n  \"sha256\""));
  forged.replace(forged.find("\"mine\""), 6, "\"ours\"");
  Sealer sealer;
  sealer.add(forged);
  const std::string unsigned_one = forged + sealer.end(nullptr);
  EXPECT_FALSE(check(unsigned_one).intact);
  Sealer again;
  again.add(forged);
  EXPECT_FALSE(check(forged + again.end(&*other)).intact);
}

}  // namespace
}  // namespace spliced::results
