// SPDX-License-Identifier: Apache-2.0
// A stage in which a device has several workloads at the same time.
#include <fmt/format.h>

#include "run_fixture.h"

namespace spliced::run {
namespace {

using testing::await;
using testing::contains;
using util::kSecond;

TEST(StreamTimes, TheStageEndsAllOfThem) {
  StreamSpec stream{"a", 10 * kSecond, {}};
  StreamsSpec stage;
  EXPECT_EQ(times_of(stage, stream).begins, 10 * kSecond);
  EXPECT_EQ(times_of(stage, stream).measured_from, 10 * kSecond);
  EXPECT_EQ(times_of(stage, stream).ends, 0);
  stream.io.workload.ramp_time = 5 * kSecond;
  stream.io.workload.runtime = 60 * kSecond;
  EXPECT_EQ(times_of(stage, stream).measured_from, 15 * kSecond);
  EXPECT_EQ(times_of(stage, stream).ends, 75 * kSecond);
  stage.ramp_time = 20 * kSecond;
  EXPECT_EQ(times_of(stage, stream).measured_from, 20 * kSecond);
  EXPECT_EQ(times_of(stage, stream).ends, 80 * kSecond);
  stage.runtime = 30 * kSecond;
  EXPECT_EQ(times_of(stage, stream).ends, 50 * kSecond);
  stream.io.workload.runtime = 0;
  EXPECT_EQ(times_of(stage, stream).ends, 50 * kSecond);
}

struct StreamsTest : testing::RunFixture {
  StreamsTest() { environment.engines = faulty_engines(); }
  static StreamSpec stream(std::string name, workload::Mode mode, unsigned workers = 1) {
    StreamSpec out{std::move(name), 0, {}};
    out.io.workload.rw = mode;
    out.io.workload.direct = false;
    out.io.workload.workers = workers;
    return out;
  }
  std::shared_ptr<DeviceRun> begin_streams(StreamsSpec what) {
    plan::JobSpec spec = testing::writing({path});
    spec.stages = {{"mix", std::move(what), policy}};
    auto run = create(spec);
    if (run) begin(*run);
    return run;
  }
  static const StageSnapshot& stream_of(const DeviceSnapshot& device, std::size_t index) {
    return device.stages.at(0).streams.at(index);
  }
  ErrorPolicy policy;
  std::string path = dir.file("target", 40'960);
};

TEST_F(StreamsTest, EachHasItsOwnFiguresAndTheyAddUp) {
  const auto run = begin_streams(
      {{stream("reader", workload::Mode::read, 3), stream("writer", workload::Mode::randwrite, 2)}, 0, 0});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(run->outcome(State::cancelled), State::succeeded);
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::succeeded);
  EXPECT_EQ(stream_of(seen, 0).name, "reader");
  EXPECT_EQ(stream_of(seen, 0).ops[0].operations, 10U);
  EXPECT_EQ(stream_of(seen, 0).ops[1].operations, 0U);
  EXPECT_EQ(stream_of(seen, 1).ops[1].operations, 10U);
  EXPECT_EQ(seen.stages[0].ops[0].operations, 10U);
  EXPECT_EQ(seen.stages[0].ops[1].operations, 10U);
  EXPECT_EQ(seen.ops[1].bytes, 40'960U);
  EXPECT_EQ(seen.progress, 1.0);
  EXPECT_EQ(seen.idle_stage, "");
  EXPECT_TRUE(seen.stages[0].asked_for[0] && seen.stages[0].asked_for[1] && !seen.stages[0].asked_for[2]);
}

TEST_F(StreamsTest, ErrorsOfAllCountTogether) {
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 8'192 ? EIO : 0; };
  policy.max_errors = 1;
  const auto run =
      begin_streams({{stream("one", workload::Mode::read), stream("other", workload::Mode::randread)}, 0, 0});
  ASSERT_TRUE(await([&] { return run->finished(); }));
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::failed);
  EXPECT_EQ(run->outcome(State::cancelled), State::failed);
  EXPECT_TRUE(contains(seen.reason, "2 errors, 1 allowed")) << seen.reason;
  EXPECT_EQ(seen.stages[0].errors.size(), 1U);
  EXPECT_EQ(seen.stages[0].errors[0].count, 2U);
}

TEST_F(StreamsTest, OneThatIsDoneIsShownSoWhileTheOthersGoOn) {
  StreamSpec slow = stream("slow", workload::Mode::read);
  slow.io.workload.rate_iops = 1;
  const auto run = begin_streams({{slow, stream("quick", workload::Mode::write)}, 0, 0});
  const auto seen = [&] { return run->snapshot(clock.now(), State::running); };
  ASSERT_TRUE(await([&] { return stream_of(seen(), 1).state == State::succeeded; }));
  EXPECT_EQ(stream_of(seen(), 0).state, State::running);
  EXPECT_EQ(seen().stages[0].state, State::running);
  ASSERT_TRUE(await([&] { return stream_of(seen(), 0).ops[0].operations == 1; }));
  EXPECT_DOUBLE_EQ(seen().stages[0].progress, 0.1) << "that of the last";
  run->request_stop();
  run->wake_workers();
  ASSERT_TRUE(await([&] { return run->wake_workers(), run->finished(); }));
  const DeviceSnapshot ended = run->snapshot(clock.now(), State::cancelled);
  EXPECT_EQ(ended.stages[0].state, State::cancelled);
  EXPECT_EQ(stream_of(ended, 0).state, State::cancelled);
}

TEST_F(StreamsTest, TheRampIsInTheTotalsAndInNoFigure) {
  StreamSpec paced = stream("paced", workload::Mode::read);
  paced.io.workload.rate_iops = 1;
  const auto run = begin_streams({{paced, stream("quick", workload::Mode::write)}, 3 * kSecond, 0});
  const auto done = [&](int direction) {
    DeviceTotals totals;
    run->add_to(totals);
    return totals.ops.at(static_cast<std::size_t>(direction)).operations;
  };
  ASSERT_TRUE(await([&] { return done(0) == 1 && done(1) == 10; }));
  EXPECT_TRUE(run->snapshot(clock.now(), State::running).ramping);
  for (std::uint64_t i = 2; i <= 10; ++i) {
    clock.advance(kSecond);
    ASSERT_TRUE(await([&] { return done(0) == i; }));
  }
  ASSERT_TRUE(await([&] { return run->finished(); }));
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::succeeded);
  EXPECT_FALSE(seen.ramping);
  EXPECT_EQ(seen.ops[0].operations, 7U);
  EXPECT_EQ(seen.ops[1].operations, 0U) << "all of it was in the ramp";
  EXPECT_NEAR(seen.ops[0].operations_per_second, 7.0 / 6, 0.01) << "over the six seconds after it";
  EXPECT_NEAR(stream_of(seen, 0).ops[0].operations_per_second, 7.0 / 6, 0.01);
  EXPECT_EQ(seen.idle_stage, "mix/quick");
  DeviceTotals totals;
  run->add_to(totals);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_EQ(totals.ops[0].latency.count(), 10U);
  EXPECT_EQ(totals.ops[1].operations, 10U);
}

TEST_F(StreamsTest, AnErrorInTheRampIsAnError) {
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 0 ? EIO : 0; };
  policy.max_errors = 5;
  StreamSpec paced = stream("paced", workload::Mode::read);
  paced.io.workload.rate_iops = 1;
  const auto run = begin_streams({{paced}, 3 * kSecond, 0});
  ASSERT_TRUE(await([&] {
    clock.advance(kSecond);
    return run->finished();
  }));
  const DeviceSnapshot seen = run->snapshot(clock.now(), State::succeeded);
  EXPECT_EQ(seen.ops[0].errors, 1U);
  EXPECT_EQ(stream_of(seen, 0).ops[0].errors, 1U);
  DeviceTotals totals;
  run->add_to(totals);
  EXPECT_EQ(totals.ops[0].error_count(), 1U) << "once";
}

}  // namespace
}  // namespace spliced::run
