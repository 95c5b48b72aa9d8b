// SPDX-License-Identifier: Apache-2.0
#include "job/job.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace spliced::job {
namespace {

constexpr std::array<State, kStates> kAll{State::pending, State::running,   State::stopping,   State::succeeded,
                                          State::failed,  State::cancelled, State::interrupted};

TEST(MayFollow, IsTheTableOfTheStateMachine) {
  for (const State from : kAll) {
    for (const State to : kAll) {
      const bool forward = (from == State::pending && (to == State::running || to == State::stopping)) ||
                           (from == State::running && to == State::stopping);
      const bool expected = !is_final(from) && (is_final(to) || forward);
      EXPECT_EQ(may_follow(from, to), expected) << state_name(from) << " to " << state_name(to);
    }
  }
}

TEST(Job, TransitionsThatDoNotExistAreDefects) {
  Job job;
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

Job in_state(State state) {
  Job job;
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

TEST(Job, SucceedsWhenAllItsDevicesDo) {
  Job job = in_state(State::running);
  job.conclude({passed(), passed()});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::pass);
  EXPECT_EQ(job.reason, "");
}

TEST(Job, FailsWhenOneDeviceFails) {
  Job job = in_state(State::running);
  job.conclude({passed(), failed(), failed()});
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "2 of 3 devices failed");
}

// It went to its end, but a device did not meet what was asked of it.
TEST(Job, SucceedsWithTheWorstVerdictOfItsDevices) {
  Job job = in_state(State::running);
  job.conclude({passed(), below_par("one"), below_par("two")});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "2 of 3 devices have the verdict FAIL; one: 2 I/O errors, 0 allowed");
  Job alone = in_state(State::running);
  alone.conclude({below_par()});
  EXPECT_EQ(alone.state, State::succeeded);
  EXPECT_EQ(alone.verdict, Verdict::fail);
  EXPECT_EQ(alone.reason, "2 I/O errors, 0 allowed");
}

TEST(Job, HasNoPassWhereADeviceHasNoVerdict) {
  const DeviceEnd idle{"idle", State::succeeded, Verdict::none, "nothing was moved"};
  Job job = in_state(State::running);
  job.conclude({passed(), idle});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::none);
  EXPECT_EQ(job.reason, "1 of 2 devices have no verdict; idle: nothing was moved");
  Job worse = in_state(State::running);
  worse.conclude({idle, below_par()});
  EXPECT_EQ(worse.verdict, Verdict::fail);
}

TEST(Job, ThatIsCancelledKeepsWhatIsKnownOfABadDevice) {
  Job job = in_state(State::stopping);
  job.conclude({stopped(State::cancelled), passed(), failed()});
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "cancelled on request; 1 of 3 devices have the verdict FAIL; dead: stalled");
}

TEST(Job, IsCancelledWithoutAVerdict) {
  Job job = in_state(State::stopping);
  job.conclude({stopped(State::cancelled), passed()});
  EXPECT_EQ(job.state, State::cancelled);
  EXPECT_EQ(job.verdict, Verdict::none);
  EXPECT_EQ(job.reason, "cancelled on request");
}

TEST(Job, IsInterruptedWhenTheDaemonStopsIt) {
  Job job = in_state(State::stopping);
  job.stop_state = State::interrupted;
  job.conclude({stopped(State::interrupted)});
  EXPECT_EQ(job.state, State::interrupted);
  EXPECT_EQ(job.reason, "the daemon was stopped");
}

TEST(Job, ThatWasDoneBeforeItWasStoppedHasSucceeded) {
  Job job = in_state(State::stopping);
  job.conclude({passed()});
  EXPECT_EQ(job.state, State::succeeded);
  EXPECT_EQ(job.verdict, Verdict::pass);
}

TEST(Job, TheHeaderCarriesEverythingButDevices) {
  Job job = in_state(State::running);
  job.id = "id";
  job.spec.name = "name";
  job.reason = "reason";
  job.verdict = Verdict::fail;
  job.created_at = WallTime(std::chrono::seconds(1));
  job.started_at = WallTime(std::chrono::seconds(2));
  job.ended_at = WallTime(std::chrono::seconds(3));
  job.sequence = 7;
  EXPECT_FALSE(job.header(50).elapsed) << "it has not begun";
  job.started_now = 20;
  EXPECT_EQ(job.header(50).elapsed, 30);
  job.ended_now = 45;
  const JobSnapshot header = job.header(50);
  EXPECT_EQ(header.elapsed, 25);
  EXPECT_EQ(header.sequence, 7U);
  EXPECT_EQ(header.id, "id");
  EXPECT_EQ(header.spec.name, "name");
  EXPECT_EQ(header.state, State::running);
  EXPECT_EQ(header.verdict, Verdict::fail);
  EXPECT_EQ(header.reason, "reason");
  EXPECT_EQ(header.created_at, job.created_at);
  EXPECT_EQ(header.started_at, job.started_at);
  EXPECT_EQ(header.ended_at, job.ended_at);
}

TEST(Job, HasANameForTheLog) {
  Job job;
  EXPECT_EQ(job.name_for_log(), "unnamed");
  job.spec.name = "first light";
  EXPECT_EQ(job.name_for_log(), "first light");
}

}  // namespace
}  // namespace spliced::job
