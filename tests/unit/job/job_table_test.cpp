// SPDX-License-Identifier: Apache-2.0
#include "job/job_table.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "fakes.h"
#include "job/recent_jobs.h"

namespace spliced::job {
namespace {

struct JobTableTest : ::testing::Test {
  JobPtr make(const std::string& id) {
    JobSpec spec;
    spec.name = id;
    return std::make_shared<Job>(id, "", spec, "", clock, [](const Change&) {});
  }
  JobPtr add(const std::string& id) {
    JobPtr job = make(id);
    table.add(job);
    job->begin();
    return job;
  }
  JobPtr add_ended(const std::string& id) {
    JobPtr job = add(id);
    job->conclude({{"sda", State::succeeded, Verdict::pass, ""}}, 1, WallTime(),
                  [&](State, Verdict) { table.ended(job); });
    return job;
  }
  // With figures in memory.
  JobPtr add_recorded(const std::string& id) {
    JobPtr job = add_ended(id);
    JobSnapshot snapshot = job->view().head;
    snapshot.devices.resize(1);
    job->replace_runs(view_of(snapshot), {job->summary(), {}, {}, {}});
    return job;
  }
  static std::vector<std::string> ids_of(const std::vector<JobPtr>& jobs) {
    std::vector<std::string> out;
    for (const JobPtr& job : jobs) out.push_back(job->id());
    return out;
  }
  using Ids = std::vector<std::string>;

  testing::FakeClock clock;
  JobTable table;
};

TEST_F(JobTableTest, KeepsTheOrderWhateverBecomesOfThem) {
  JobSummary old;
  old.id = "old";
  old.sequence = 41;
  old.state = State::failed;
  const auto restored = std::make_shared<Job>(Listing{old, {}, {}, {}}, clock);
  table.restore(restored);
  add("a");
  const JobPtr b = add_ended("b");
  add("c");
  EXPECT_EQ(ids_of(table.all()), (Ids{"c", "b", "a", "old"}));
  EXPECT_EQ(table.find("a")->sequence(), 42U) << "after those of an earlier daemon";
  EXPECT_EQ(table.find("c")->sequence(), 44U);
  EXPECT_EQ(ids_of(table.active()), (Ids{"a", "c"}));
  EXPECT_TRUE(table.remove(b));
  EXPECT_FALSE(table.remove(b));
  EXPECT_EQ(table.find("b"), nullptr);
  EXPECT_EQ(ids_of(table.all()), (Ids{"c", "a", "old"}));
}

TEST_F(JobTableTest, TheOldestThatHaveEndedGoFirst) {
  add("running");
  add_ended("a");
  add_ended("b");
  add_ended("c");
  EXPECT_TRUE(table.take_oldest(3).empty());
  EXPECT_EQ(ids_of(table.take_oldest(1)), (Ids{"a", "b"}));
  EXPECT_EQ(ids_of(table.all()), (Ids{"c", "running"}));
  EXPECT_EQ(ids_of(table.take_oldest(0)), Ids{"c"});
}

TEST_F(JobTableTest, ThoseThatEndedLongAgoGoToo) {
  add("running");
  const auto end_at = [&](const std::string& id, int seconds) {
    const JobPtr job = add(id);
    job->conclude({{"sda", State::succeeded, Verdict::pass, ""}}, 1, WallTime(std::chrono::seconds(seconds)),
                  [&](State, Verdict) { table.ended(job); });
  };
  end_at("a", 10);
  end_at("b", 30);
  end_at("c", 20);  // a clock that was set back
  EXPECT_TRUE(table.take_oldest(9, WallTime(std::chrono::seconds(10))).empty());
  const Ids gone = ids_of(table.take_oldest(9, WallTime(std::chrono::seconds(30))));
  EXPECT_EQ(std::set<std::string>(gone.begin(), gone.end()), (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(ids_of(table.all()), (Ids{"b", "running"}));
}

TEST_F(JobTableTest, CountsThemByState) {
  add("a");
  add("b");
  add_ended("c");
  const auto counts = table.count_states();
  EXPECT_EQ(counts[static_cast<std::size_t>(State::running)], 2U);
  EXPECT_EQ(counts[static_cast<std::size_t>(State::succeeded)], 1U);
}

TEST_F(JobTableTest, TellsWhenNoneIsActive) {
  const JobPtr job = add("a");
  EXPECT_FALSE(table.wait_until_ended(0));
  std::jthread end([&] { table.ended(job); });
  EXPECT_TRUE(table.wait_until_ended(testing::kPatienceNanos));
}

// Room for the figures of two of three jobs.
struct RecentJobsTest : JobTableTest {
  RecentJobs recent{table, 250};
  JobPtr a = add_recorded("a"), b = add_recorded("b"), c = add_recorded("c");
};

TEST_F(RecentJobsTest, ThoseThatEndedLastKeepTheirFigures) {
  recent.keep(a, 100);
  recent.keep(b, 100);
  EXPECT_EQ(a->view().devices, 1U);
  recent.keep(c, 100);
  EXPECT_EQ(a->view().devices, 0U) << "the oldest gave way";
  EXPECT_EQ(b->view().devices, 1U);
  EXPECT_EQ(c->view().devices, 1U);
  const JobPtr large = add_recorded("large");
  recent.keep(large, 251);
  EXPECT_EQ(large->view().devices, 0U) << "there is no room for it at all";
  EXPECT_EQ(c->view().devices, 0U);
}

TEST_F(RecentJobsTest, WhatIsForgottenMakesRoom) {
  recent.keep(a, 100);
  recent.keep(b, 100);
  recent.drop(b);
  recent.keep(c, 100);
  EXPECT_EQ(a->view().devices, 1U);
  const JobPtr gone = add_recorded("gone");
  EXPECT_TRUE(table.remove(gone));
  recent.keep(gone, 100);  // it was forgotten before it was known that it has figures
  EXPECT_EQ(a->view().devices, 1U) << "the one that is gone takes no room";
  EXPECT_EQ(c->view().devices, 1U);
}

}  // namespace
}  // namespace spliced::job
