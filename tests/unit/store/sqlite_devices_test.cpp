// SPDX-License-Identifier: Apache-2.0
// What the store keeps of a job beyond its row: devices, events.
#include <stdexcept>
#include <tuple>

#include "sqlite_fixture.h"

namespace spliced::store {
namespace {

StoredDevice full_device() {
  StoredDevice out;
  out.name = "/srv/a \xff file";
  out.path = "/srv/a \xff file";
  out.wwn = "0x5000c500a1b2c3d4";
  out.serial = "Z1";
  out.model = "M";
  out.revision = "R";
  out.size = 4ULL << 40;
  out.state = "FAILED";
  out.verdict = "FAIL";
  out.figures = "{\"progress\":1}";
  out.stages = {{"write", "SUCCEEDED", "first"}, {"read", "FAILED", "second"}};
  out.errors = {{{-1, -1}, "read", "EIO", 4096, 512, 3, "of all"},
                {{1, -1}, "read", "EIO", 4096, 512, 3, "of a stage"},
                {{1, 0}, "read", "EIO", ~std::uint64_t{0} >> 1, 512, 3, "of a stream"}};
  return out;
}

void expect_same(const StoredDevice& a, const StoredDevice& b) {
  EXPECT_EQ(std::tie(a.name, a.path, a.wwn, a.serial, a.model, a.revision, a.size, a.state, a.verdict, a.figures),
            std::tie(b.name, b.path, b.wwn, b.serial, b.model, b.revision, b.size, b.state, b.verdict, b.figures));
  ASSERT_EQ(a.stages.size(), b.stages.size());
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    EXPECT_EQ(std::tie(a.stages[i].name, a.stages[i].state, a.stages[i].figures),
              std::tie(b.stages[i].name, b.stages[i].state, b.stages[i].figures));
  }
  ASSERT_EQ(a.errors.size(), b.errors.size());
  for (std::size_t i = 0; i < a.errors.size(); ++i) {
    const StoredError &x = a.errors[i], &y = b.errors[i];
    EXPECT_EQ(std::tie(x.place, x.op, x.error, x.offset, x.length, x.count, x.message),
              std::tie(y.place, y.op, y.error, y.offset, y.length, y.count, y.message));
  }
}

StoredJob with_devices(const std::string& id, std::vector<StoredDevice> devices) {
  StoredJob job = make_job(id);
  job.spec = "spec";
  job.results = testing::source_of(std::move(devices));
  return job;
}

TEST_F(SqliteStore, DevicesComeBackWithTheirStagesAndErrors) {
  StoredDevice second;
  second.name = "sdb";
  ASSERT_TRUE(open()->put(with_devices("a", {full_device(), second})));
  const auto store = open();
  expect_same(store->record("a")->device(0), full_device());
  expect_same(store->record("a")->device(1), second);
  expect_same(store->record("a")->device(2), {});
}

TEST_F(SqliteStore, WhatADeviceDidIsReplacedAndItsErrorsGrow) {
  const auto store = open();
  ASSERT_TRUE(store->put(with_devices("a", {full_device()})));
  StoredDevice later = full_device();
  later.state = "RUNNING";
  later.figures = "newer";
  later.stages[1].figures = "newer, too";
  later.errors[0].count = 4;
  later.errors.push_back({{1, 0}, "write", "ENOSPC", 0, 1, 1, "another"});
  ASSERT_TRUE(store->put(with_devices("a", {later})));
  expect_same(store->record("a")->device(0), later);
  EXPECT_EQ(count("stages"), 2);
}

TEST_F(SqliteStore, TheDevicesOfAJobThatEndedStayAsTheyAre) {
  const auto store = open();
  StoredJob ended = with_devices("a", {full_device()});
  ended.ended_at = at_ms(5);
  ASSERT_TRUE(store->put(ended));
  StoredDevice late = full_device();
  late.figures = "late";
  ASSERT_TRUE(store->put(with_devices("a", {late})));
  expect_same(store->record("a")->device(0), full_device());
}

TEST_F(SqliteStore, NothingStaysOfAJobThatIsForgotten) {
  const auto store = open();
  StoredJob job = with_devices("a", {full_device()});
  job.events = {{7, at_ms(1), "a", "state", "RUNNING", "", ""}};
  ASSERT_TRUE(store->put(job));
  StoredJob other = with_devices("b", {full_device()});
  other.events = {{8, at_ms(1), "b", "state", "RUNNING", "", ""}};
  ASSERT_TRUE(store->put(other));
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  for (const char* table : {"jobs", "devices", "events"}) EXPECT_EQ(count(table), 1) << table;
  EXPECT_EQ(count("stages"), 2);
  EXPECT_EQ(count("errors"), 3);
  EXPECT_THROW((void)store->record("a")->device(0), std::runtime_error);
  EXPECT_THROW((void)store->record("a")->spec(), std::runtime_error);
}

StoredCheckpoint checkpoint_of(std::vector<StoredCursor> cursors) {
  StoredCheckpoint out;
  out.job = cursors.front().job;
  out.device = cursors.front().device;
  out.stage = static_cast<std::size_t>(cursors.front().place.stage);
  out.at = cursors.front().at;
  out.counts = "counts";
  out.cursors = std::move(cursors);
  return out;
}

TEST_F(SqliteStore, TheNewestCursorsOfAJobAreKept) {
  ASSERT_TRUE(open()->put(make_job("a")));
  const std::string bytes("\1\0\0above", 8);
  const StoredCursor first{"a", 1, {2, 0}, 300, 200, bytes, 5'000'000'000, at_ms(7)};
  StoredCursor second = first;
  second.place.stream = 1;
  StoredCursor other = first;
  other.job = "gone";
  ASSERT_TRUE(open()->put_checkpoints({checkpoint_of({second, first}), checkpoint_of({other})}));
  EXPECT_EQ(count("cursors"), 2) << "there is no such job";
  second.watermark = 250;
  ASSERT_TRUE(open()->put_checkpoints({checkpoint_of({second})}));
  const auto checkpoints = open()->checkpoints("a").value();
  ASSERT_EQ(checkpoints.size(), 1U);
  EXPECT_EQ(checkpoints[0].device, 1U);
  EXPECT_EQ(checkpoints[0].stage, 2U);
  EXPECT_EQ(checkpoints[0].at, at_ms(7));
  EXPECT_EQ(checkpoints[0].counts, "counts");
  const auto& cursors = checkpoints[0].cursors;
  ASSERT_EQ(cursors.size(), 2U);
  EXPECT_EQ(cursors[0].place, first.place);
  EXPECT_EQ(cursors[0].device, 1U);
  EXPECT_EQ(cursors[0].position, 300U);
  EXPECT_EQ(cursors[0].watermark, 200U);
  EXPECT_EQ(cursors[0].above, bytes);
  EXPECT_EQ(cursors[0].active, 5'000'000'000);
  EXPECT_EQ(cursors[0].at, at_ms(7));
  EXPECT_EQ(cursors[1].watermark, 250U);
  StoredJob ended = make_job("a");
  ended.ended_at = at_ms(5);
  ASSERT_TRUE(open()->put(ended)) << "which may be gone on with";
  EXPECT_EQ(count("cursors"), 2);
  StoredJob done = make_job("b");
  ASSERT_TRUE(open()->put(done));
  other.job = "b";
  ASSERT_TRUE(open()->put_checkpoints({checkpoint_of({other})}));
  done.ended_at = at_ms(5);
  done.done = true;
  ASSERT_TRUE(open()->put(done));
  EXPECT_EQ(open()->checkpoints("b")->size(), 0U);
  EXPECT_TRUE(open()->erase("a", Erased::forgotten));
  EXPECT_EQ(count("cursors"), 0);
}

TEST_F(SqliteStore, WhatACrashLeftOfAJobIsRemoved) {
  ASSERT_TRUE(open()->put(with_devices("a", {full_device()})));
  execute("UPDATE jobs SET id='b'");
  (void)open();
  for (const char* table : {"devices", "stages", "errors"}) EXPECT_EQ(count(table), 0) << table;
}

TEST_F(SqliteStore, EventsAreReadInTheirOrderAndNoIdIsEverForgotten) {
  {
    const auto store = open();
    EXPECT_EQ(store->last_event().value(), 0U);
    StoredJob job = make_job("a");
    for (std::uint64_t id = 1; id <= 5; ++id) {
      job.events.push_back({id * 10, at_ms(static_cast<std::int64_t>(id)), "a", "state", "PAUSED", "PASS", "why"});
    }
    ASSERT_TRUE(store->put(job));
    ASSERT_TRUE(store->put(job)) << "the same once more, whose answer was lost";
  }
  const auto store = open();
  const auto events = store->events(20, 2, "");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, 30U);
  EXPECT_EQ(events[1].id, 40U);
  EXPECT_EQ(events[0].at, at_ms(3));
  EXPECT_EQ(events[0].job, "a");
  EXPECT_EQ(events[0].kind, "state");
  EXPECT_EQ(events[0].state, "PAUSED");
  EXPECT_EQ(events[0].verdict, "PASS");
  EXPECT_EQ(events[0].text, "why");
  EXPECT_EQ(store->events(0, 100, "").size(), 5U);
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_EQ(store->last_event().value(), 50U);
  EXPECT_TRUE(store->reserve_events(70));
  EXPECT_TRUE(store->reserve_events(60));
  EXPECT_EQ(open()->last_event().value(), 70U);
}

TEST_F(SqliteStore, EachStepOfAWriteIsTold) {
  std::vector<std::string> steps;
  auto store = open_sqlite_store(path, [&](const char* step) { steps.emplace_back(step); }).value();
  ASSERT_TRUE(store->accept(with_devices("a", {full_device()})));
  EXPECT_EQ(steps, (std::vector<std::string>{"new device", "new job", "commit", "committed"}));
  steps.clear();
  ASSERT_TRUE(store->put(with_devices("a", {full_device()})));
  EXPECT_EQ(steps, (std::vector<std::string>{"device", "commit", "committed", "job", "events", "commit", "committed"}));
}

TEST_F(SqliteStore, WhatIsForgottenGivesItsRoomBack) {
  auto store = open();
  StoredDevice device;
  device.figures = std::string(std::size_t{2} << 20, 'x');
  ASSERT_TRUE(store->put(with_devices("large", {device})));
  ASSERT_TRUE(store->put(make_job("small")));
  EXPECT_GT(pragma("page_count"), 400);
  EXPECT_TRUE(store->erase("large", Erased::forgotten));
  EXPECT_LT(pragma("page_count"), 100);
  EXPECT_EQ(ids(*store), Ids{"small"});
}

TEST_F(SqliteStore, ANewJobIsThereWithItsDevicesForAllConnections) {
  auto store = open();
  ASSERT_TRUE(store->accept(with_devices("a", {full_device()})));
  expect_same(store->record("a")->device(0), full_device());
  StoredJob job = with_devices("a", {{}});
  job.state = "RUNNING";
  job.spec.reset();
  ASSERT_TRUE(store->put(job));
  EXPECT_EQ(open()->record("a")->spec(), "spec") << "a record without one leaves it";
  EXPECT_EQ(count("devices"), 1);
}

// A source that breaks off after the first device.
DeviceSource broken_source() {
  return []() -> DeviceSequence {
    return [at = 0]() mutable -> std::optional<StoredDevice> {
      if (++at == 2) throw std::runtime_error("no more");
      StoredDevice device;
      device.figures = "newer";
      return device;
    };
  };
}

TEST_F(SqliteStore, OfAJobThatIsNotTakenNothingStays) {
  auto store = open();
  StoredJob job = make_job("a");
  job.results = broken_source();
  EXPECT_FALSE(store->accept(job));
  EXPECT_EQ(count("devices"), 0);
  EXPECT_EQ(count("jobs"), 0);
  EXPECT_TRUE(store->accept(make_job("b"))) << "nothing of it is under way";
}

TEST_F(SqliteStore, ResultsThatBreakOffAreAnError) {
  const auto store = open();
  ASSERT_TRUE(store->put(with_devices("a", {full_device(), full_device()})));
  StoredJob job = make_job("a");
  job.state = "RUNNING";
  job.results = broken_source();
  EXPECT_FALSE(store->put(job));
  expect_same(store->record("a")->device(1), full_device());
  EXPECT_EQ(store->load(1)->at(0).state, "");
}

TEST_F(SqliteStore, OthersCanWriteAndReadWhileADeviceIsMade) {
  const auto store = open();
  ASSERT_TRUE(store->put(with_devices("a", {full_device()})));
  StoredJob job = make_job("a");
  job.results = [&]() -> DeviceSequence {
    EXPECT_TRUE(store->put(with_devices("b", {full_device()})));
    expect_same(store->record("a")->device(0), full_device());
    return testing::results_of("after")();
  };
  ASSERT_TRUE(store->put(job));
  EXPECT_EQ(store->record("a")->device(0).figures, "after");
  expect_same(store->record("b")->device(0), full_device());
}

}  // namespace
}  // namespace spliced::store
