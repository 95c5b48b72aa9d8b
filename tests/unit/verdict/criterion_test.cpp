// SPDX-License-Identifier: Apache-2.0
// Each criterion where it is met, not met and not measurable; and no value that is missing ever makes a PASS.
#include "spliced/verdict/criterion.h"

#include <gtest/gtest.h>

#include <functional>

#include "spliced/verdict/verdict.h"

namespace spliced::verdict {
namespace {

using plan::Criteria;
using run::StageEvidence;
using run::State;
using util::OpClass;

constexpr std::uint64_t kSize = 1'000'000'000;

struct Case {
  Criteria criteria;
  run::DeviceSnapshot device;
  Peers peers;

  [[nodiscard]] Judgement judged() const { return judge(criteria, device, 0, false, peers); }
  [[nodiscard]] CriterionResult result(const std::string& name) const {
    for (const auto& one : judged().criteria) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << name << " is not listed";
    return {};
  }
};

StageEvidence evidence(bool changes, std::uint64_t judged) {
  StageEvidence out;
  out.range = {0, kSize, 4096};
  out.done = true;
  out.changes = changes;
  out.checks = judged != 0;
  out.judged_bytes = judged;
  out.rates = {2e8, changes ? 1e8 : 0, 0, 0};
  return out;
}

// Written and checked, with all that any criterion asks for.
Case good() {
  Case out;
  run::DeviceSnapshot& device = out.device;
  device.state = State::succeeded;
  device.range = {0, kSize, 4096};
  device.facts.info.model = "M";
  device.ops[0].bytes = device.ops[1].bytes = kSize;
  device.verify.asked_for = true;
  device.verify.bytes = kSize;
  device.shown = {{"fill", evidence(true, 0)}, {"check", evidence(false, kSize)}};
  device.shown[0].what.measures = {{"min_rate.write", true, 9e7, 1e8, ""}};
  device.shown[1].what.measures = {{"latency.read.p99.9", false, 0.01, 0.005, ""}};
  run::SteadyResult steady;
  steady.steady = true;
  device.shown[0].what.steady = steady;
  device.zones.worst = 0.05;
  out.peers = {true, 4, 0.02, "fill"};
  out.criteria.max_mismatches = 0;
  out.criteria.max_indeterminate = 0;
  out.criteria.min_coverage = 1;
  out.criteria.max_slow_zone = 0.12;
  out.criteria.max_peer_deviation = 0.1;
  out.criteria.steady = plan::Steady::required;
  return out;
}

TEST(Criteria, AllOfThemMetIsAPass) {
  const Judgement out = good().judged();
  EXPECT_EQ(Verdict::pass, out.verdict) << out.reason;
  EXPECT_EQ(9U, out.criteria.size());
  for (const auto& one : out.criteria) {
    EXPECT_EQ(CriterionState::met, one.state) << one.name;
    EXPECT_TRUE(one.measured) << one.name;
    EXPECT_NE("", criterion_unit(one.name)) << one.name;
  }
}

struct Change {
  std::string name;
  std::function<void(Case&)> make;
  Verdict verdict;
};

void expect_each(const std::vector<Change>& changes, CriterionState state) {
  for (const Change& change : changes) {
    Case one = good();
    change.make(one);
    EXPECT_EQ(state, one.result(change.name).state) << change.name;
    const Judgement out = one.judged();
    EXPECT_EQ(change.verdict, out.verdict) << change.name << ": " << out.reason;
    EXPECT_NE(std::string::npos, out.reason.find("criteria." + change.name)) << out.reason;
  }
}

TEST(Criteria, OneThatIsNotMetFailsOrLeavesTheVerdictOpen) {
  expect_each(
      {{"max_io_errors", [](Case& c) { c.device.ops[0].errors = 1; }, Verdict::fail},
       {"max_mismatches", [](Case& c) { c.device.verify.mismatches[0] = 1; }, Verdict::fail},
       {"max_slow_zone", [](Case& c) { c.device.zones.worst = 0.2; }, Verdict::fail},
       {"max_peer_deviation", [](Case& c) { c.peers.deviation = 0.11; }, Verdict::fail},
       {"min_rate.write", [](Case& c) { c.device.shown[0].what.measures[0].value = 8e7; }, Verdict::fail},
       {"latency.read.p99.9", [](Case& c) { c.device.shown[1].what.measures[0].value = 0.011; }, Verdict::fail},
       {"min_coverage", [](Case& c) { c.device.shown[1].what.judged_bytes = kSize - 1; }, Verdict::inconclusive},
       {"steady", [](Case& c) { c.device.shown[1].what.steady = run::SteadyResult{}; }, Verdict::inconclusive}},
      CriterionState::not_met);
  Case doubtful = good();
  doubtful.device.verify.indeterminate_bytes = 512;
  EXPECT_EQ(CriterionState::not_met, doubtful.result("max_indeterminate").state);
  EXPECT_EQ(Verdict::inconclusive, doubtful.judged().verdict);
  doubtful.criteria.max_indeterminate = 512;
  EXPECT_EQ(Verdict::pass, doubtful.judged().verdict) << doubtful.judged().reason;
}

TEST(Criteria, AMissingValueNeverPasses) {
  expect_each(
      {{"max_slow_zone", [](Case& c) { c.device.zones.worst.reset(); }, Verdict::inconclusive},
       {"max_peer_deviation", [](Case& c) { c.peers.deviation.reset(); }, Verdict::inconclusive},
       {"min_rate.write", [](Case& c) { c.device.shown[0].what.measures[0].value.reset(); }, Verdict::inconclusive},
       {"latency.read.p99.9", [](Case& c) { c.device.shown[1].what.measures[0].value.reset(); },
        Verdict::inconclusive}},
      CriterionState::not_measurable);
  Case one = good();
  one.device.shown[0].what.steady.reset();
  EXPECT_EQ(CriterionState::not_measurable, one.result("steady").state);
  EXPECT_EQ(Verdict::inconclusive, one.judged().verdict);
  one = good();
  one.device.verify.bytes = 0;
  EXPECT_EQ(CriterionState::not_measurable, one.result("max_mismatches").state);
  EXPECT_EQ(Verdict::inconclusive, one.judged().verdict);
  one = good();
  one.device.shown.clear();
  one.device.range = {};
  EXPECT_EQ(CriterionState::not_measurable, one.result("min_coverage").state);
  EXPECT_EQ(Verdict::inconclusive, one.judged().verdict);
  one = good();
  one.device.ops = {};
  EXPECT_EQ(Verdict::none, one.judged().verdict);
}

TEST(Criteria, TheFewDevicesOrModelsThatAreNotKnownAreTold) {
  Case one = good();
  one.peers = {true, 3, {}, ""};
  EXPECT_NE(std::string::npos, one.result("max_peer_deviation").note.find("3 of this model"));
  one.device.facts.info.model.clear();
  EXPECT_NE(std::string::npos, one.result("max_peer_deviation").note.find("model"));
}

TEST(Criteria, WhatRunsIsOpenButForWhatIsExceeded) {
  Case one = good();
  one.device.state = State::running;
  one.peers.complete = false;
  one.device.shown[1].what.done = false;
  for (const auto& result : one.judged().criteria)
    EXPECT_NE(CriterionState::not_measurable, result.state) << result.name;
  for (const char* name : {"min_coverage", "max_slow_zone", "max_peer_deviation", "steady", "latency.read.p99.9"})
    EXPECT_EQ(CriterionState::open, one.result(name).state) << name;
  one.device.shown[1].what.measures[0].value = 0.5;
  EXPECT_EQ(CriterionState::not_met, one.result("latency.read.p99.9").state);
}

TEST(Criteria, WhatCameBeforeItWasSteadyDecidesNothing) {
  Case one = good();
  one.criteria.steady = plan::Steady::wanted;
  one.device.shown[0].what.steady->steady = false;
  one.device.shown[1].what.measures[0].value = 0.5;  // far beyond the limit, in a later stage
  EXPECT_EQ(CriterionState::not_measurable, one.result("min_rate.write").state);
  EXPECT_EQ(CriterionState::not_measurable, one.result("latency.read.p99.9").state);
  EXPECT_EQ(Verdict::inconclusive, one.judged().verdict);
  one.criteria.steady = plan::Steady::none;
  EXPECT_EQ(Verdict::fail, one.judged().verdict);
}

TEST(Criteria, AStageThatWasNotSteadyCountsThoughItHasNoLimitsItself) {
  Case one = good();
  one.criteria.steady = plan::Steady::wanted;
  one.device.shown[0].what.steady->steady = false;
  one.device.shown[0].what.measures.clear();
  one.device.shown[1].what.measures[0].value = 0.5;
  EXPECT_EQ(CriterionState::not_measurable, one.result("latency.read.p99.9").state);
  EXPECT_EQ(Verdict::inconclusive, one.judged().verdict);
}

TEST(Criteria, AsLongAsTheOthersRunThereIsNoPass) {
  Case one = good();
  one.peers = {};
  EXPECT_EQ(CriterionState::open, one.result("max_peer_deviation").state);
  EXPECT_EQ(Verdict::none, one.judged().verdict);
  one.criteria.peers_if_measurable = true;
  EXPECT_EQ(Verdict::pass, one.judged().verdict);
}

TEST(Criteria, IfMeasurableDecidesOnlyThen) {
  Case one = good();
  one.criteria.slow_zone_if_measurable = true;
  one.device.zones.worst.reset();
  EXPECT_EQ(CriterionState::not_measurable, one.result("max_slow_zone").state);
  EXPECT_EQ(Verdict::pass, one.judged().verdict) << one.judged().reason;
  one.device.zones.worst = 0.3;
  EXPECT_EQ(Verdict::fail, one.judged().verdict);
}

TEST(Criteria, FailComesBeforeWhatIsNotKnown) {
  Case one = good();
  one.device.zones.worst.reset();
  one.device.ops[0].errors = 1;
  EXPECT_EQ(Verdict::fail, one.judged().verdict);
}

TEST(Criteria, TheLimitItselfIsWithin) {
  Case one = good();
  one.device.zones.worst = 0.12;
  one.peers.deviation = 1 - 0.9;
  one.device.shown[0].what.measures[0].value = 9e7;
  one.device.shown[1].what.measures[0].value = 0.01;
  EXPECT_EQ(Verdict::pass, one.judged().verdict) << one.judged().reason;
}

TEST(Coverage, IsWhatWasJudgedAfterItsLastWrite) {
  Case one = good();
  auto& shown = one.device.shown;
  EXPECT_EQ(1, coverage_of(one.device));
  shown.push_back({"again", evidence(true, 0)});
  EXPECT_EQ(0, coverage_of(one.device));
  shown.push_back({"half", evidence(false, kSize / 2)});
  EXPECT_EQ(0.5, coverage_of(one.device));
  shown.push_back({"whole", evidence(false, kSize)});
  EXPECT_EQ(1, coverage_of(one.device));
  shown.push_back({"tail", evidence(true, 0)});
  shown.back().what.range = {kSize / 4 * 3, kSize / 4, 4096};
  EXPECT_EQ(0.75, coverage_of(one.device));
}

TEST(Coverage, OfReadersIsWhatTheyRead) {
  run::DeviceSnapshot device;
  device.range = {0, kSize, 4096};
  device.shown = {{"scan", evidence(false, 0)}};
  EXPECT_EQ(0, coverage_of(device));
  device.shown[0].what.visited_bytes = kSize / 5;
  EXPECT_EQ(0.2, coverage_of(device));
  device.range.size = 2 * kSize;
  EXPECT_EQ(0.1, coverage_of(device));
  EXPECT_FALSE(coverage_of({}));
  device.shown.clear();
  EXPECT_FALSE(coverage_of(device)) << "of a record that does not tell";
}

std::vector<Peers> peers_of(const std::vector<run::DeviceSnapshot>& devices) {
  std::vector<const run::DeviceSnapshot*> all;
  for (const auto& device : devices) all.push_back(&device);
  return compare_peers(all);
}

TEST(ComparePeers, EachIsComparedWithTheMedianOfItsModel) {
  std::vector<run::DeviceSnapshot> devices(6, good().device);
  devices[3].shown[1].what.rates[0] = 1.5e8;
  devices[5].facts.info.model = "other";
  devices[5].shown[1].what.rates[0] = 1;
  const auto peers = peers_of(devices);
  EXPECT_EQ(5U, peers[0].count);
  EXPECT_EQ(0, peers[0].deviation);
  EXPECT_DOUBLE_EQ(0.25, *peers[3].deviation);
  EXPECT_EQ("check", peers[3].stage);
  EXPECT_EQ(1U, peers[5].count);
  EXPECT_FALSE(peers[5].deviation);
}

TEST(ComparePeers, FourAreEnoughAndThreeAreNot) {
  std::vector<run::DeviceSnapshot> devices(4, good().device);
  EXPECT_TRUE(peers_of(devices)[0].deviation);
  devices.pop_back();
  EXPECT_FALSE(peers_of(devices)[0].deviation);
}

TEST(ComparePeers, OneThatFailedTakesNothingFromTheOthers) {
  std::vector<run::DeviceSnapshot> devices(5, good().device);
  devices[1].shown.pop_back();
  devices[1].shown[0].what.rates = {};
  devices[2].shown[1].what.rates[0] = 1e8;
  EXPECT_FALSE(peers_of(devices)[1].deviation);
  EXPECT_DOUBLE_EQ(0.5, *peers_of(devices)[2].deviation);
  devices.pop_back();
  EXPECT_FALSE(peers_of(devices)[2].deviation) << "three are left";
  devices[2].state = State::running;
  EXPECT_FALSE(peers_of(devices)[0].complete);
}

}  // namespace
}  // namespace spliced::verdict
