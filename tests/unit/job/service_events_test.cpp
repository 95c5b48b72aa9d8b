// SPDX-License-Identifier: Apache-2.0
// What the service tells of its jobs.
#include <algorithm>
#include <fstream>
#include <mutex>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::endless;
using testing::kPatienceNanos;
using testing::reading;

struct JobServiceEvents : testing::ServiceFixture {
  std::string first = dir.file("first", 40'960);
  std::string second = dir.file("second", 40'960);
  void listen() {
    on_event([this](const Event& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    });
  }
  std::vector<State> states_of(const std::string& id) {
    const std::lock_guard lock(mutex);
    std::vector<State> out;
    for (const auto& event : events) {
      if (event.job == id && is_of_state(event.kind)) out.push_back(event.state);
    }
    return out;
  }
  [[nodiscard]] bool await_states(const std::string& id, const std::vector<State>& expected) {
    return await([&] { return states_of(id) == expected; });
  }
  std::mutex mutex;
  std::vector<Event> events;
};

TEST_F(JobServiceEvents, ComeInOrder) {
  start(null_engines());
  listen();
  const std::string done = submit(reading({first}));
  EXPECT_TRUE(await_states(done, {State::running, State::succeeded}));
  const std::string cancelled = submit(endless({second}));
  EXPECT_TRUE(service->cancel(cancelled, access::itself()));
  EXPECT_TRUE(await_states(cancelled, {State::running, State::stopping, State::cancelled}));
}

TEST_F(JobServiceEvents, OfManyJobsStayInOrderForEach) {
  start(null_engines());
  listen();
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(submit(reading({dir.file("many" + std::to_string(i), 4096)})));
  for (const auto& id : ids) EXPECT_TRUE(await_states(id, {State::running, State::succeeded}));
}

TEST_F(JobServiceEvents, SayWhatBecameOfTheJob) {
  start(null_engines());
  listen();
  const std::string id = submit(testing::writing({first}));
  ASSERT_TRUE(await_states(id, {State::running, State::succeeded}));
  EXPECT_EQ(events.front().verdict, Verdict::none);
  EXPECT_EQ(events.back().verdict, Verdict::pass);
  EXPECT_EQ(events.back().kind, EventKind::state);
  EXPECT_LT(events.front().id, events.back().id);
  const EventPage page = service->recent_events(events.front().id, kNoLimit);
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0].kind, EventKind::stage);
  EXPECT_EQ(page.events[0].place.device, first);
  EXPECT_EQ(page.events[1].state, State::succeeded);
  EXPECT_FALSE(page.missed);
  EXPECT_EQ(service->last_event(), events.back().id);
}

TEST_F(JobServiceEvents, TellOfDataThatIsNotWhatItShouldBe) {
  start(faulty_engines());
  EXPECT_EQ(run(testing::writing({first})).verdict, Verdict::pass);
  std::fstream file(first, std::ios::in | std::ios::out | std::ios::binary);
  constexpr std::streamoff kPlace = 8192 + 700;
  file.seekg(kPlace);
  const int byte = file.get() ^ 1;  // another than what is there
  file.seekp(kPlace);
  file.put(static_cast<char>(byte));
  file.close();
  listen();
  JobSpec spec = reading({first});
  run::VerifySpec check;
  check.adopt = true;
  check.io.streams.front().io = testing::io(spec);
  check.io.streams.front().io.check.reads = run::CheckSpec::What::found;
  spec.stages.front().what = check;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.verdict, Verdict::fail) << job.reason;
  ASSERT_EQ(job.devices.at(0).verify.miscompares.size(), 1U);
  EXPECT_EQ(job.devices[0].verify.miscompares[0].damage.kind, verify::Kind::bitflip);
  ASSERT_TRUE(await([&] {
    const std::lock_guard lock(mutex);
    return std::any_of(events.begin(), events.end(), [](auto& one) { return one.kind == EventKind::miscompare; });
  }));
  const std::lock_guard lock(mutex);
  const auto told =
      std::find_if(events.begin(), events.end(), [](auto& one) { return one.kind == EventKind::miscompare; });
  EXPECT_EQ(told->job, job.id);
  EXPECT_EQ(told->place.device, first);
  EXPECT_EQ(told->place.offset, 8192U);
  EXPECT_EQ(told->place.what, "bitflip");
  const auto rows = store.events(0, 100, "");
  EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [](auto& row) { return row.kind == "miscompare"; }));
}

TEST_F(JobServiceEvents, AreStoredWithTheJobAndForgottenWithIt) {
  start(null_engines());
  listen();
  const std::string id = submit(endless({first}));
  ASSERT_TRUE(await_states(id, {State::running}));
  EXPECT_TRUE(service->cancel(id, access::itself()));
  ASSERT_TRUE(await_states(id, {State::running, State::stopping, State::cancelled}));
  std::vector<std::string> states;
  for (const auto& row : store.events(0, 100, "")) {
    if (row.kind == "state") states.push_back(row.state);
  }
  EXPECT_EQ(states, (std::vector<std::string>{"RUNNING", "STOPPING", "CANCELLED"}));
  EXPECT_TRUE(service->forget(id, access::itself()));
  EXPECT_TRUE(store.events(0, 100, "").empty());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(events.back().kind, EventKind::forgotten);
  EXPECT_EQ(events.back().job, id);
}

TEST_F(JobServiceEvents, ArriveWithTheRecordStoredAndNoLockHeld) {
  start(null_engines());
  std::atomic<int> finals{0};
  on_event([&](const Event& event) {
    EXPECT_EQ(service->get(event.job)->id, event.job);
    EXPECT_FALSE(service->list({}).empty());
    if (!is_final(event.state)) return;
    EXPECT_EQ(store.find(event.job)->state, state_name(event.state));
    ++finals;
  });
  (void)run(reading({first}));
  EXPECT_TRUE(await([&] { return finals == 1; }));
}

TEST_F(JobServiceEvents, OfAllJobsAreDeliveredBeforeTheEnd) {
  start(null_engines());
  listen();
  const std::string id = submit(endless({first}));
  EXPECT_TRUE(service->stop_all(kPatienceNanos));
  EXPECT_EQ(states_of(id), (std::vector<State>{State::running, State::stopping, State::interrupted}));
}

}  // namespace
}  // namespace spliced::job
