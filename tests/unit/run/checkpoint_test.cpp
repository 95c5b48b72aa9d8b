// SPDX-License-Identifier: Apache-2.0
#include "run/checkpoint.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "run_fixture.h"

namespace spliced::run {
namespace {

using testing::await;
using testing::io;
using testing::policy;
using testing::writing;
using util::kSecond;
using util::Nanos;

constexpr Nanos kStart = 1000 * kSecond;

TEST(CheckpointPace, IsOneInFiveSecondsWhereAFlushCostsNothing) {
  CheckpointPace pace(kStart);
  EXPECT_EQ(pace.next(), kStart + 5 * kSecond);
  pace.flushed(pace.next(), pace.next() + kSecond / 1000);
  EXPECT_EQ(pace.next(), kStart + 10 * kSecond + kSecond / 1000);
}

// Whatever they take: from the second on, no more than a fiftieth of the time, and never more than ten minutes apart.
TEST(CheckpointPace, FlushesTakeAFiftiethOfTheTimeAtMost) {
  for (const Nanos took : {kSecond / 50, kSecond / 5, 2 * kSecond}) {
    CheckpointPace pace(kStart);
    for (int i = 0; i < 100; ++i) {
      const Nanos begun = pace.next();
      pace.flushed(begun, begun + took);
      EXPECT_GE(pace.next() - (begun + took), std::max(5 * kSecond, 50 * took));
      EXPECT_TRUE(i == 0 || pace.flushing() * 50 <= begun + took - kStart);
    }
    EXPECT_EQ(pace.flushing(), 100 * took);
  }
}

TEST(CheckpointPace, IsOnceInTenMinutesAtTheLeast) {
  CheckpointPace pace(kStart);
  pace.flushed(kStart + 5 * kSecond, kStart + 105 * kSecond);
  EXPECT_EQ(pace.next(), kStart + 705 * kSecond);
}

TEST(FlushWatch, KnowsWhatMetTheLastFlush) {
  FlushWatch watch;
  EXPECT_FALSE(watch.may_span(0));
  EXPECT_EQ(watch.since(), 0);
  watch.begin(100);
  EXPECT_EQ(watch.since(), 100);
  EXPECT_TRUE(watch.spans(90, 110));
  EXPECT_TRUE(watch.spans(105, 110));
  EXPECT_FALSE(watch.spans(80, 90)) << "it ended before";
  watch.end(200);
  EXPECT_EQ(watch.since(), 0);
  EXPECT_TRUE(watch.spans(150, 250));
  EXPECT_FALSE(watch.may_span(200));
}

struct CheckpointTest : testing::RunFixture {
  CheckpointTest() {
    flush = [this](int) {
      if (in_flush) in_flush();
      ++flushes;
      return flush_error.load();
    };
    on_checkpoint = [this](Checkpoint at) {
      const std::lock_guard lock(mutex);
      noted.push_back(std::move(at));
    };
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return noted.size();
  }
  // A job that writes without end, as fast as the null engine is.
  std::shared_ptr<DeviceRun> write_on() {
    plan::JobSpec spec = writing({path});
    io(spec).workload.time_based = true;
    io(spec).workload.runtime = 3600 * kSecond;
    policy(spec).max_errors = 10;
    auto run = start_run(spec);
    EXPECT_TRUE(await([&] { return written(*run) > 0; }));
    return run;
  }
  static Nanos current_timeout() { return run::ErrorPolicy().stall_timeout; }
  static std::uint64_t written(const DeviceRun& run) {
    DeviceTotals totals;
    run.add_to(totals);
    return totals.ops[1].operations;
  }
  void end(DeviceRun& run) {
    run.request_stop();
    EXPECT_TRUE(await([&] {
      run.wake_workers();
      return run.finished();
    }));
  }

  std::string path = dir.file("target", 1 << 20);
  std::mutex mutex;
  std::vector<Checkpoint> noted;
  std::function<void()> in_flush;
  std::atomic<int> flushes{0}, flush_error{0};
};

TEST_F(CheckpointTest, WhatIsNotedWasDoneBeforeTheFlush) {
  std::uint64_t before = 0;
  const auto run = write_on();
  in_flush = [&] {  // and more is done while it takes its time
    before = written(*run);
    EXPECT_TRUE(await([&] { return written(*run) > before + 1'000; }));
  };
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return count() == 1; }));
  EXPECT_EQ(flushes, 1);
  ASSERT_EQ(noted[0].cursors.size(), 1U);
  EXPECT_LE(noted[0].cursors[0].watermark, before);
  EXPECT_GE(noted[0].active, 4 * kSecond);
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return count() == 2; }));
  EXPECT_GT(noted[1].cursors[0].watermark, noted[0].cursors[0].watermark);
  end(*run);
}

TEST_F(CheckpointTest, AFlushThatFailsMovesNoCursorAndIsAnError) {
  const auto run = write_on();
  flush_error = EIO;
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return flushes == 1; }));
  const auto sync_errors = [&] { return run->snapshot(clock.now(), State::running).ops[3].errors; };
  ASSERT_TRUE(await([&] { return sync_errors() == 1; }));
  EXPECT_EQ(count(), 0U);
  const auto shown = run->snapshot(clock.now(), State::running);
  ASSERT_EQ(shown.errors.size(), 1U);
  EXPECT_EQ(shown.errors[0].error, "EIO");
  EXPECT_EQ(shown.errors[0].op, util::Op::fdatasync);
  EXPECT_EQ(shown.stages.at(0).ops[3].errors, 1U);
  flush_error = 0;
  for (int i = 0; i < 3; ++i) {  // nobody knows what reached the medium
    const std::uint64_t before = written(*run);
    clock.advance(600 * kSecond);
    ASSERT_TRUE(await([&] { return written(*run) > before + 1'000; }));
  }
  EXPECT_EQ(count(), 0U);
  end(*run);
}

TEST_F(CheckpointTest, AFileSystemWithoutTheCallHasNoCheckpointsAndNoErrors) {
  const auto run = write_on();
  flush_error = EINVAL;
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return flushes == 1; }));
  flush_error = 0;
  const std::uint64_t before = written(*run);
  clock.advance(600 * kSecond);
  ASSERT_TRUE(await([&] { return written(*run) > before + 1'000; }));
  end(*run);
  EXPECT_EQ(run->snapshot(clock.now(), State::cancelled).ops[3].errors, 0U);
  EXPECT_EQ(flushes, 1);
  EXPECT_EQ(count(), 0U);
}

TEST_F(CheckpointTest, WhatTheHostLacksForAFlushIsNoErrorOfTheDevice) {
  const auto run = write_on();
  flush_error = ENOMEM;
  clock.advance(5 * kSecond);
  EXPECT_TRUE(await([&] {
    run->wake_workers();
    return run->finished();
  }));
  const auto shown = run->snapshot(clock.now(), run->outcome(State::cancelled));
  EXPECT_EQ(shown.host_errors, 1U);
  EXPECT_TRUE(shown.reason.starts_with("not the device's doing")) << shown.reason;
}

TEST_F(CheckpointTest, ATargetThatIsOnlyReadIsNotFlushed) {
  plan::JobSpec spec = testing::endless({path});
  const auto run = start_run(spec);
  clock.advance(5 * kSecond);
  EXPECT_TRUE(await([&] { return count() == 1; }));
  clock.advance(CheckpointPace::kReadInterval);
  EXPECT_TRUE(await([&] { return count() == 2; }));
  EXPECT_EQ(flushes, 0);
  end(*run);
}

TEST_F(CheckpointTest, WhatMeetsAFlushIsInNoLatency) {
  const auto run = write_on();
  const auto writes = [&] { return run->snapshot(clock.now(), State::running).ops[1]; };
  in_flush = [&] { valve.pass(); };
  EXPECT_EQ(writes().across_flush, 0U);
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  clock.advance(kSecond / 1000);
  ASSERT_TRUE(await([&] { return writes().across_flush > 100; }));
  valve.open();
  ASSERT_TRUE(await([&] { return count() == 1; }));
  DeviceTotals totals;
  end(*run);
  run->add_to(totals);
  EXPECT_EQ(totals.ops[1].latency.count() + totals.ops[1].across_flush, totals.ops[1].operations);
}

TEST_F(CheckpointTest, NothingIsFlushedWhileAJobIsPaused) {
  const auto paused = write_on();
  const auto its_gate = gate;
  its_gate->close();
  ASSERT_TRUE(await([&] {
    paused->wake_workers();
    return paused->still();
  }));
  // Whenever one is due, it is for both.
  gate = std::make_shared<PauseGate>(clock);
  path = dir.file("another", 1 << 20);
  const auto run = write_on();
  for (std::size_t i = 1; i <= 4; ++i) {
    clock.advance(600 * kSecond);
    ASSERT_TRUE(await([&] { return count() == i; }));
  }
  EXPECT_EQ(flushes, 4);
  end(*run);
  end(*paused);
}

TEST_F(CheckpointTest, AFlushThatOutlastsItsStageLowersNoRate) {
  plan::JobSpec spec = writing({path});
  io(spec).workload.time_based = true;
  io(spec).workload.runtime = 6 * kSecond;
  const auto run = start_run(spec);
  ASSERT_TRUE(await([&] { return written(*run) > 0; }));
  in_flush = [&] {
    clock.advance(2 * kSecond);  // the workers leave
    std::uint64_t last = 0;
    int same = 0;
    EXPECT_TRUE(await([&] {
      same = std::exchange(last, written(*run)) == last ? same + 1 : 0;
      return same == 1'000;
    }));
    clock.advance(100 * kSecond);
  };
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return run->finished(); }));
  EXPECT_EQ(flushes, 1);
  const auto shown = run->snapshot(clock.now(), State::succeeded);
  EXPECT_NEAR(shown.ops[1].operations_per_second / shown.stages.at(0).ops[1].operations_per_second, 1, 0.05);
}

TEST_F(CheckpointTest, AFlushThatDoesNotComeBackIsAStall) {
  const auto run = write_on();
  ASSERT_TRUE(await([&] { return written(*run) > 10'000; }));  // 40 MB
  in_flush = [&] { valve.pass(); };
  clock.advance(5 * kSecond);
  ASSERT_TRUE(await([&] { return valve.waiting() == 1; }));
  // The page cache has what was written: that takes longer than an operation may.
  clock.advance(current_timeout());
  run->check_stall(clock.now());
  EXPECT_FALSE(run->stalled());
  clock.advance(10'000'000 * kSecond);
  run->check_stall(clock.now());
  EXPECT_TRUE(run->stalled());
  EXPECT_NE(run->snapshot(clock.now(), State::failed).reason.find("a FLUSH of the device has not come back"),
            std::string::npos);
  valve.open();
  end(*run);
}

}  // namespace
}  // namespace spliced::run
