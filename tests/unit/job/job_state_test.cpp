// SPDX-License-Identifier: Apache-2.0
#include "job/job_state.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace spliced::job {
namespace {

constexpr std::array<State, kStates> kAll{State::queued, State::pending,   State::running,
                                          State::paused, State::stopping,  State::succeeded,
                                          State::failed, State::cancelled, State::interrupted};

TEST(MayFollow, IsTheTableOfTheStateMachine) {
  for (const State from : kAll) {
    for (const State to : kAll) {
      const bool begins = from == State::queued || from == State::pending;
      const bool forward = (begins && to == State::running) || (from == State::running && to == State::paused) ||
                           (from == State::paused && to == State::running) ||
                           (from < State::stopping && to == State::stopping);
      const bool expected = !is_final(from) && (is_final(to) || forward);
      EXPECT_EQ(may_follow(from, to), expected) << state_name(from) << " to " << state_name(to);
    }
  }
}

TEST(JobState, TransitionsThatDoNotExistAreDefects) {
  JobState job;
  job.transition(State::running);
  EXPECT_EQ(job.state, State::running);
  EXPECT_THROW(job.transition(State::pending), std::logic_error);
  EXPECT_THROW(job.transition(State::running), std::logic_error);
  EXPECT_EQ(job.state, State::running);
  job.transition(State::stopping);
  EXPECT_THROW(job.transition(State::running), std::logic_error);
  job.transition(State::cancelled);
  for (const State next : kAll) EXPECT_THROW(job.transition(next), std::logic_error) << state_name(next);
}

JobState in_state(State state) {
  JobState job;
  job.state = state;
  return job;
}

DeviceEnd passed() {
  return {"good", State::succeeded, Verdict::pass, ""};
}
DeviceEnd below_par(const std::string& name = "bad") {
  return {name, State::succeeded, Verdict::fail, "2 I/O errors, 0 allowed"};
}
DeviceEnd failed() {
  return {"dead", State::failed, Verdict::fail, "stalled"};
}
DeviceEnd stopped(State state) {
  return {"cut", state, Verdict::none, ""};
}

TEST(JobState, SucceedsWhenAllItsDevicesDo) {
  JobState job = in_state(State::running);
  job.conclude({passed(), passed()});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::pass);
  EXPECT_EQ(job.reason, "");
}

TEST(JobState, FailsWhenOneDeviceFails) {
  JobState job = in_state(State::running);
  job.conclude({passed(), failed(), failed()});
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "2 of 3 devices failed");
}

// It went to its end, but a device did not meet what was asked of it.
TEST(JobState, SucceedsWithTheWorstVerdictOfItsDevices) {
  JobState job = in_state(State::running);
  job.conclude({passed(), below_par("one"), below_par("two")});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "2 of 3 devices have the verdict FAIL; one: 2 I/O errors, 0 allowed");
  JobState alone = in_state(State::running);
  alone.conclude({below_par()});
  EXPECT_EQ(alone.state, State::succeeded);
  EXPECT_EQ(alone.verdict, Verdict::fail);
  EXPECT_EQ(alone.reason, "2 I/O errors, 0 allowed");
}

TEST(JobState, HasNoPassWhereADeviceHasNoVerdict) {
  const DeviceEnd idle{"idle", State::succeeded, Verdict::none, "nothing was moved"};
  JobState job = in_state(State::running);
  job.conclude({passed(), idle});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::none);
  EXPECT_EQ(job.reason, "1 of 2 devices have no verdict; idle: nothing was moved");
  JobState worse = in_state(State::running);
  worse.conclude({idle, below_par()});
  EXPECT_EQ(worse.verdict, Verdict::fail);
}

TEST(JobState, ThatIsCancelledKeepsWhatIsKnownOfABadDevice) {
  JobState job = in_state(State::stopping);
  job.conclude({stopped(State::cancelled), passed(), failed()});
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "cancelled on request; 1 of 3 devices have the verdict FAIL; dead: stalled");
}

TEST(JobState, IsCancelledWithoutAVerdict) {
  JobState job = in_state(State::stopping);
  job.conclude({stopped(State::cancelled), passed()});
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.verdict, Verdict::none);
  EXPECT_EQ(job.reason, "cancelled on request");
}

TEST(JobState, IsInterruptedWhenTheDaemonStopsIt) {
  JobState job = in_state(State::stopping);
  job.stop_state = State::interrupted;
  job.conclude({stopped(State::interrupted)});
  EXPECT_EQ(job.state, State::interrupted);
  EXPECT_EQ(job.reason, "the daemon was stopped");
}

TEST(JobState, ThatWasDoneBeforeItWasStoppedHasSucceeded) {
  JobState job = in_state(State::stopping);
  job.conclude({passed()});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::pass);
}

}  // namespace
}  // namespace spliced::job
