// SPDX-License-Identifier: Apache-2.0
#include "job/turns.h"

#include <gtest/gtest.h>

#include "unit/job/service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;

struct TurnsTest : ::testing::Test {
  // A job with one device for each path, waiting.
  JobPtr add(const std::string& id, const std::string& who, const std::vector<std::string>& paths) {
    plan::JobSpec spec;
    spec.targets = paths;
    auto job = std::make_shared<Job>(id, "", spec, who, clock, [](const Change&) {});
    Job::Runs runs;
    for (const auto& path : paths) {
      run::DeviceSnapshot shown;
      shown.facts.path = shown.facts.name = path;
      runs.push_back(std::make_shared<run::IdleRun>(std::move(shown)));
    }
    job->set_runs(std::move(runs));
    job->wait_in_queue();
    table.add(job);
    return job;
  }
  void start(std::size_t most) {
    turns.emplace(Turns::Setup{clock, most, table,
                               [this](const JobPtr& job, std::size_t device) {
                                 {
                                   const std::lock_guard lock(mutex);
                                   begun.push_back(job->id() + "/" + std::to_string(device));
                                 }
                                 if (before_end) before_end();
                                 if (outcome == Turns::Outcome::ended) end(job, device);
                                 return outcome;
                               },
                               [this](const device::TargetFacts& facts) { return facts.path == held ? "holder" : ""; },
                               [] { return true; }});
    turns->begin();
  }
  // As if it had been worked on, and were done.
  static void end(const JobPtr& job, std::size_t device) {
    std::dynamic_pointer_cast<run::IdleRun>(job->runs().at(device))->end(State::succeeded, "");
  }
  std::vector<std::string> taken() {
    const std::lock_guard lock(mutex);
    return begun;
  }

  util::Clock& clock = util::system_clock();
  JobTable table;
  std::mutex mutex;
  std::vector<std::string> begun;
  std::string held;
  std::function<void()> before_end;
  Turns::Outcome outcome = Turns::Outcome::ended;
  std::optional<Turns> turns;  // last
};

TEST_F(TurnsTest, TheOldestJobComesFirstAndOfItTheFirstDevice) {
  add("a", "me", {"/1", "/2"});
  add("b", "me", {"/3"});
  start(1);
  ASSERT_TRUE(await([&] { return taken().size() == 3; }));
  EXPECT_EQ(taken(), (std::vector<std::string>{"a/0", "a/1", "b/0"}));
}

TEST_F(TurnsTest, NobodyGetsADeviceThatAnOlderJobWaitsForAndOthersGoOn) {
  held = "/1";
  add("a", "me", {"/1"});
  const JobPtr second = add("b", "me", {"/1"});
  add("c", "me", {"/2"});
  start(0);
  ASSERT_TRUE(await([&] { return taken().size() == 1; }));
  EXPECT_EQ(taken(), std::vector<std::string>{"c/0"});
  ASSERT_TRUE(await([&] { return second->summary().queue_position == 2; }));
  EXPECT_NE(second->summary().reason.find("job a waits for /1"), std::string::npos) << second->summary().reason;
}

TEST_F(TurnsTest, WhatCannotBeginYetIsTriedAgainLaterAndKeepsNobodyElse) {
  outcome = Turns::Outcome::later;
  add("a", "me", {"/1"});
  add("b", "me", {"/2"});
  start(1);
  ASSERT_TRUE(await([&] { return taken().size() == 2; }));
  EXPECT_EQ(taken(), (std::vector<std::string>{"a/0", "b/0"}));
  EXPECT_TRUE(await([&] { return turns->take_places(1).has_value(); })) << "nobody waits for a place";
}

TEST_F(TurnsTest, WhoHasTheFewestAtWorkComesFirst) {
  testing::Valve valve;
  add("a", "me", {"/1"});
  add("b", "me", {"/2"});
  add("c", "you", {"/3"});
  before_end = [&] { valve.pass(); };
  start(2);
  ASSERT_TRUE(await([&] { return taken().size() == 2; }));
  auto first = taken();
  std::sort(first.begin(), first.end());
  EXPECT_EQ(first, (std::vector<std::string>{"a/0", "c/0"}));
  valve.open();
  EXPECT_TRUE(await([&] { return taken().size() == 3; }));
}

TEST_F(TurnsTest, PlacesAreTakenOnceAndGivenBack) {
  start(2);
  auto first = turns->take_places(2);
  ASSERT_TRUE(first);
  EXPECT_FALSE(turns->take_places(1));
  first.reset();
  EXPECT_FALSE(turns->take_places(3));
  EXPECT_TRUE(turns->take_places(2));
}

TEST_F(TurnsTest, ATargetThatAJobWaitsForIsThatJobs) {
  held = "/1";
  add("a", "me", {"/1"});
  start(0);
  device::TargetFacts facts;
  facts.path = "/1";
  device::TargetFacts other;
  other.path = "/2";
  const auto awaited = turns->first_awaited({other, facts});
  ASSERT_TRUE(awaited);
  EXPECT_EQ(awaited->job, "a");
  EXPECT_EQ(awaited->target, 1U);
  EXPECT_FALSE(turns->first_awaited({other}));
  EXPECT_EQ(turns->waiting(), 1U);
}

}  // namespace
}  // namespace spliced::job
