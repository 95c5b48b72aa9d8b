// SPDX-License-Identifier: Apache-2.0
#include "job/journal.h"

#include <gtest/gtest.h>

#include "fakes.h"
#include "simple_form.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::kPatienceNanos;

struct JournalTest : ::testing::Test {
  void TearDown() override {
    valve.open();
    journal.stop();
  }
  JobPtr add(const std::string& id) {
    JobSpec spec;
    spec.name = id;
    const auto job =
        std::make_shared<Job>(id, "", spec, "", clock, [this](Change change) { journal.note(std::move(change)); });
    table.add(job);
    return job;
  }
  void conclude(const JobPtr& job) {
    job->conclude({{"sda", State::succeeded, Verdict::pass, ""}}, clock.now(), WallTime(std::chrono::seconds(1)),
                  [&](State, Verdict) { table.ended(job); });
  }
  [[nodiscard]] std::string stored_state(const std::string& id) {
    const auto found = store.find(id);
    return found ? found->state : "";
  }

  testing::FakeClock clock;
  util::NullLogger log;
  testing::MemoryStore store;
  testing::Valve valve;
  JobTable table;
  RecentJobs recent{table, 1 << 20};
  EventLog events{store};
  Journal journal{{clock, log, store, testing::simple_form(), 10 * util::kSecond}, table, recent, events};
};

TEST_F(JournalTest, RecordsWhatBecomesOfAJobInOrder) {
  std::vector<std::string> states;
  store.on_put = [&](const store::StoredJob& job) { states.push_back(job.state); };
  const JobPtr job = add("a");
  job->begin();
  job->cancel();  // nothing to record: a restart makes INTERRUPTED of it either way
  conclude(job);
  ASSERT_TRUE(journal.wait_until_delivered(kPatienceNanos));
  EXPECT_EQ(states, (std::vector<std::string>{"RUNNING", "SUCCEEDED"}));
  EXPECT_TRUE(store.find("a")->ended_at);
  EXPECT_EQ(journal.pending(), 0U);
}

TEST_F(JournalTest, AStoreThatHangsHoldsUpNobodyWhoTells) {
  store.before_put = [&](const store::StoredJob&) { valve.pass(); };
  const JobPtr job = add("a");
  job->begin();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  conclude(job);
  EXPECT_EQ(job->state(), State::succeeded);
  EXPECT_FALSE(journal.wait_until_delivered(0));
  clock.advance(5 * util::kSecond);
  EXPECT_GE(journal.delay(), 4 * util::kSecond);
  valve.open();
  EXPECT_TRUE(journal.wait_until_delivered(kPatienceNanos));
  EXPECT_EQ(stored_state("a"), "SUCCEEDED");
}

TEST_F(JournalTest, RunningJobsAreRecordedNowAndThenAndOthersNot) {
  std::atomic<int> records{0};
  const JobPtr ended = add("ended");
  ended->begin();
  conclude(ended);
  const JobPtr running = add("running");
  running->begin();
  (void)add("pending");
  ASSERT_TRUE(journal.wait_until_delivered(kPatienceNanos));
  std::atomic<int> others{0};
  store.on_put = [&](const store::StoredJob& job) { ++(job.id == "running" ? records : others); };
  for (int round = 1; round <= 2; ++round) {
    clock.advance(11 * util::kSecond);
    EXPECT_TRUE(await([&] { return records == round; }));
  }
  journal.shut_down();
  EXPECT_EQ(others, 0);
}

TEST_F(JournalTest, WhatGaveWayIsErasedAfterItsEndWasRecorded) {
  std::vector<std::string> gone;
  const JobPtr job = add("a");
  const auto subscription = events.subscribe([&](const Event& event) {
    if (event.kind == EventKind::forgotten) gone.push_back(event.job);
    if (event.kind == EventKind::state && event.state == State::running) valve.pass();
  });
  job->begin();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  conclude(job);
  EXPECT_EQ(table.take_oldest(0).size(), 1U);
  journal.forget({"a"});
  EXPECT_EQ(stored_state("a"), "RUNNING");
  valve.open();
  ASSERT_TRUE(await([&] { return !store.find("a"); }));
  ASSERT_TRUE(journal.wait_until_delivered(kPatienceNanos));
  EXPECT_EQ(gone, std::vector<std::string>{"a"});
}

run::Checkpoint at_watermark(std::uint64_t watermark) {
  run::Checkpoint out;
  out.stage = 1;
  out.cursors = {{watermark + 3, watermark, {}, {7}}, {1, 0, {}, {}}};
  out.active = 5 * util::kSecond;
  out.at = WallTime(std::chrono::seconds(9));
  return out;
}

TEST_F(JournalTest, CursorsAreStoredTheNewestOfEachDevice) {
  store.broken = true;
  journal.note("a", 0, at_watermark(10));
  journal.note("a", 1, at_watermark(50));
  journal.note("a", 0, at_watermark(20));
  store.broken = false;
  ASSERT_TRUE(await([&] { return store.cursors("a").size() >= 4; }));
  const auto stored = store.cursors("a");
  ASSERT_EQ(stored.size(), 4U);
  EXPECT_EQ(stored[0].watermark, 20U);
  EXPECT_EQ(stored[0].position, 23U);
  EXPECT_EQ(stored[0].place, (store::StoredPlace{1, 0}));
  EXPECT_EQ(stored[0].above, workload::pack({23, 20, {}, {7}}));
  EXPECT_EQ(stored[0].active, 5 * util::kSecond);
  EXPECT_EQ(stored[1].place, (store::StoredPlace{1, 1}));
  EXPECT_EQ(stored[2].device, 1U);
}

TEST_F(JournalTest, CursorsThatWaitAreToldAsADelayUntilNobodyNeedsThem) {
  const JobPtr job = add("a");
  job->begin();
  ASSERT_TRUE(journal.wait_until_delivered(kPatienceNanos));
  store.broken_cursors = true;
  journal.note("a", 0, at_watermark(10));
  ASSERT_TRUE(await([&] { return store.refusals > 1; }));  // the first has been told by then
  clock.advance(9 * util::kSecond);
  ASSERT_TRUE(await([&] { return journal.delay() >= 9 * util::kSecond; }));
  conclude(job);
  EXPECT_TRUE(await([&] { return journal.delay() < util::kSecond; })) << "the job is done";
  EXPECT_TRUE(store.cursors("a").empty());
}

TEST_F(JournalTest, AtTheEndItWritesWhatIsHeldUp) {
  const auto subscription = events.subscribe([&](const Event& event) {
    if (event.job == "first") valve.pass();
  });
  add("first")->begin();
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  const JobPtr second = add("second");
  second->begin();
  conclude(second);
  EXPECT_EQ(stored_state("second"), "");
  journal.put_undelivered();
  EXPECT_EQ(stored_state("second"), "SUCCEEDED");
}

}  // namespace
}  // namespace spliced::job
