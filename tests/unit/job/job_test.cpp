// SPDX-License-Identifier: Apache-2.0
#include "job/job.h"

#include <gtest/gtest.h>

#include <future>

#include "fakes.h"

namespace spliced::job {
namespace {

using testing::kPatienceNanos;

struct JobTest : ::testing::Test {
  std::shared_ptr<Job> make() {
    JobSpec spec;
    spec.name = "a name";
    spec.targets = {"/dev/sda"};
    return std::make_shared<Job>("id", "run", spec, "uid:0", clock, [this](Change change) {
      told.push_back(change.state);
      last = std::move(change);
    });
  }
  void conclude(Job& job, std::vector<DeviceEnd> ends = {{"sda", State::succeeded, Verdict::pass, ""}}) {
    job.conclude(std::move(ends), clock.now(), WallTime(std::chrono::seconds(100)), [](State, Verdict) {});
  }
  static JobView whole_of(const std::shared_ptr<Job>& job) {
    JobSnapshot snapshot = job->view().head;
    snapshot.devices.resize(2);
    return view_of(std::move(snapshot));
  }
  static Listing listing_of(const std::shared_ptr<Job>& job) { return {job->summary(), {name_key("sda")}, "run", 7}; }

  testing::FakeClock clock;
  std::vector<State> told;
  Change last;
};

TEST_F(JobTest, TellsWhatBecomesOfItInOrder) {
  const auto job = make();
  EXPECT_EQ(job->state(), State::pending);
  job->begin();
  EXPECT_TRUE(job->pause_or_resume(State::paused));
  EXPECT_TRUE(job->pause_or_resume(State::paused)) << "idempotent";
  EXPECT_TRUE(job->pause_or_resume(State::running));
  job->cancel();
  job->cancel();
  clock.advance(9 * util::kSecond);
  conclude(*job, {{"sda", State::stopping, Verdict::none, ""}});
  EXPECT_EQ(told, (std::vector{State::running, State::paused, State::running, State::stopping, State::cancelled}));
  EXPECT_EQ(last.ended, job);
  EXPECT_EQ(last.log_line, "job id (a name): CANCELLED: cancelled on request");
  ASSERT_TRUE(last.record);
  EXPECT_EQ(last.record->head.state, State::cancelled);
  EXPECT_EQ(last.record->head.elapsed, 9 * util::kSecond);
}

TEST_F(JobTest, ItsHeadTellsAllButTheDevices) {
  const auto job = make();
  job->set_sequence(3);
  EXPECT_FALSE(job->view().head.started_at);
  EXPECT_FALSE(job->view().head.elapsed);
  job->begin();
  clock.advance(2 * util::kSecond);
  const JobSnapshot running = job->view().head;
  EXPECT_EQ(running.id, "id");
  EXPECT_EQ(running.sequence, 3U);
  EXPECT_EQ(running.created_by, "uid:0");
  EXPECT_EQ(running.spec.name, "a name");
  EXPECT_EQ(running.state, State::running);
  EXPECT_TRUE(running.started_at);
  EXPECT_GE(running.started_at, running.created_at);
  EXPECT_EQ(running.elapsed, 2 * util::kSecond);
  EXPECT_FALSE(running.ended_at);
  conclude(*job);
  clock.advance(2 * util::kSecond);
  EXPECT_EQ(job->view().head.elapsed, 2 * util::kSecond);
  EXPECT_EQ(job->view().head.ended_at, WallTime(std::chrono::seconds(100)));
}

TEST_F(JobTest, CancelledBeforeItRunsItStopsWhenItBegins) {
  const auto job = make();
  job->cancel();
  EXPECT_EQ(job->state(), State::pending);
  job->begin();
  EXPECT_EQ(told, (std::vector{State::running, State::stopping}));
}

TEST_F(JobTest, WhatDoesNotRunIsNotPaused) {
  const auto job = make();
  EXPECT_FALSE(job->pause_or_resume(State::paused));
  job->begin();
  conclude(*job);
  EXPECT_FALSE(job->pause_or_resume(State::paused));
  EXPECT_FALSE(job->pause_or_resume(State::running));
  job->stop(State::interrupted);
  EXPECT_EQ(job->state(), State::succeeded);
}

TEST_F(JobTest, StoppedByTheDaemonItIsInterrupted) {
  const auto job = make();
  job->begin();
  job->stop(State::interrupted);
  job->cancel();  // it is stopping already
  conclude(*job, {{"sda", State::stopping, Verdict::none, ""}});
  EXPECT_EQ(job->state(), State::interrupted);
}

TEST_F(JobTest, NobodySeesTheEndBeforeAllIsDoneThatBelongsToIt) {
  const auto job = make();
  job->begin();
  std::future<State> seen;
  job->conclude({{"sda", State::succeeded, Verdict::pass, ""}}, 1, WallTime(), [&](State state, Verdict verdict) {
    EXPECT_EQ(state, State::succeeded);
    EXPECT_EQ(verdict, Verdict::pass);
    EXPECT_EQ(told.back(), State::succeeded) << "those who record it know first";
    seen = std::async(std::launch::async, [&] { return job->state(); });
    EXPECT_EQ(seen.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  });
  EXPECT_EQ(seen.get(), State::succeeded);
}

TEST_F(JobTest, WhoWaitsForItsEndIsTold) {
  const auto job = make();
  job->begin();
  EXPECT_FALSE(job->wait_until_ended(0, [] { return false; }));
  EXPECT_FALSE(job->wait_until_ended(kPatienceNanos, [] { return true; })) << "enough";
  auto ended =
      std::async(std::launch::async, [&] { return job->wait_until_ended(kPatienceNanos, [] { return false; }); });
  conclude(*job);
  EXPECT_TRUE(ended.get());
}

TEST_F(JobTest, AfterItsEndIsRecordedItIsWhatWasRecorded) {
  const auto job = make();
  job->begin();
  conclude(*job);
  job->replace_runs(whole_of(job), listing_of(job));
  EXPECT_EQ(job->view().devices, 2U);
  EXPECT_EQ(job->view().head.spec.targets, std::vector<std::string>{"/dev/sda"});
  EXPECT_TRUE(job->is_on("/dev/sda"));
  EXPECT_FALSE(job->is_on("sdb"));
  job->forget_figures();
  EXPECT_EQ(job->view().devices, 1U) << "as the list knows";
  EXPECT_FALSE(job->view().device);
  EXPECT_EQ(job->view().head.state, State::succeeded);
  EXPECT_EQ(job->view().head.run_id, "run");
  EXPECT_EQ(job->view().head.elapsed, 7);
  EXPECT_EQ(job->summary().name, "a name");
}

TEST_F(JobTest, OfAnEarlierDaemonIsWhatTheListKnows) {
  const auto first = make();
  first->set_sequence(7);
  first->begin();
  conclude(*first);
  const Job job(listing_of(first), clock);
  EXPECT_EQ(job.id(), "id");
  EXPECT_EQ(job.sequence(), 7U);
  EXPECT_EQ(job.created_by(), "uid:0");
  EXPECT_EQ(job.state(), State::succeeded);
  EXPECT_EQ(job.view().head.verdict, Verdict::pass);
  EXPECT_TRUE(job.is_on("sda"));
}

}  // namespace
}  // namespace spliced::job
