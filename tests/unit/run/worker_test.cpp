// SPDX-License-Identifier: Apache-2.0
#include "run/worker.h"

#include "spliced/util/cpus.h"
#include "spliced/util/threads.h"
#include "worker_fixture.h"

namespace spliced::run {
namespace {

using testing::io;

TEST_F(WorkerTest, RunsOnTheCpusThatTheJobAllowsAndNowhereElse) {
  const util::CpuList all = util::allowed_cpus();
  for (const util::CpuList& cpus : {util::CpuList{}, util::CpuList{all.back()}}) {
    util::CpuList met;
    sys.on_read = [&met](ino_t, std::uint64_t) {
      met = util::allowed_cpus();
      return 0;
    };
    plan::JobSpec spec = testing::reading({path});
    io(spec).workload.cpus_allowed = cpus;
    exited = false;
    run(spec);
    EXPECT_EQ(met, cpus.empty() ? all : cpus);
    EXPECT_EQ(refusal, "");
  }
}

TEST_F(WorkerTest, WithoutTheCpusThatTheJobAllowsItDoesNothingAndSaysWhy) {
  if (util::allowed_cpus().back() == util::kMaxCpus - 1) GTEST_SKIP() << "this machine has every CPU there may be";
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.cpus_allowed = {util::kMaxCpus - 1};
  run(spec);
  EXPECT_FALSE(completed);
  EXPECT_EQ(totals.ops[0].operations, 0U);
  EXPECT_NE(refusal.find("cpus_allowed \"1023\": Invalid argument"), refusal.npos) << refusal;
}

// Whoever is told closes the target, which must then be free.
TEST_F(WorkerTest, HasNoDescriptorLeftWhenItTellsThatItIsGone) {
  bool own_tables = false;
  std::jthread([&] { own_tables = util::leave_descriptor_table(util::OwnTable::copy); }).join();
  if (!own_tables) GTEST_SKIP() << "threads share their descriptors here";
  run(testing::reading({path}));
  EXPECT_GE(target, 0);
  EXPECT_FALSE(has_target_at_exit);
}

TEST_F(WorkerTest, TellsHowLongItWaitedForItsCpu) {
  if (!util::scheduler_times()) GTEST_SKIP() << "the kernel does not keep it";
  const util::CpuList one{util::allowed_cpus().front()};
  std::atomic<bool> over{false};
  std::jthread rival([&] {
    (void)util::run_on_cpus(one);
    while (!over) {
    }
  });
  sys.on_read = [](ino_t, std::uint64_t) {
    const util::Nanos before = util::scheduler_times()->waited;
    const util::Nanos end = util::system_clock().now() + testing::kPatienceNanos;
    while (util::scheduler_times()->waited - before < util::kSecond / 1000 && util::system_clock().now() < end) {
    }
    return 0;
  };
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.cpus_allowed = one;
  run(spec);
  over = true;
  EXPECT_TRUE(totals.cpu_wait_known);
  EXPECT_GE(totals.cpu_wait, static_cast<std::uint64_t>(util::kSecond / 1000));
}

TEST_F(WorkerTest, CountsWhatItDid) {
  run(testing::reading({path}));
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_EQ(totals.ops[0].bytes, 40'960U);
  EXPECT_EQ(totals.ops[0].latency.count(), 10U);
  EXPECT_EQ(visited, 40'960U);
  EXPECT_TRUE(errors.empty());
}

TEST_F(WorkerTest, TellsItsOwnerOfErrorsAndGoesOn) {
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 4096 ? EIO : 0; };
  run(testing::reading({path}));
  EXPECT_TRUE(completed);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].first, 4096U);
  EXPECT_EQ(errors[0].second, ErrorClass::io);
  EXPECT_EQ(totals.ops[0].operations, 9U);
  EXPECT_EQ(totals.ops[0].latency.count(), 9U);
  EXPECT_EQ(totals.ops[0].errors[0], 1U);
  EXPECT_EQ(visited, 40'960U);
}

TEST_F(WorkerTest, ABatchIsCountedBlockByBlock) {
  sys.on_read = [](ino_t, std::uint64_t offset) { return offset == 12'288 ? EIO : 0; };
  plan::JobSpec spec = testing::reading({path});
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 4;
  run(spec);
  EXPECT_TRUE(completed);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].first, 12'288U);
  EXPECT_EQ(totals.ops[0].operations, 9U);
  EXPECT_EQ(totals.ops[0].bytes, 36'864U);
  EXPECT_EQ(totals.ops[0].latency.count(), 9U);
  EXPECT_EQ(visited, 40'960U);
}

TEST_F(WorkerTest, NoBlockOfABatchIsAskedForAfterAnErrorTooMany) {
  std::vector<std::uint64_t> asked;
  sys.on_read = [&asked](ino_t, std::uint64_t offset) {
    asked.push_back(offset);
    return offset >= 4096 ? EIO : 0;
  };
  stop_on_error = [this] { driven->request_stop(); };
  plan::JobSpec spec = testing::reading({path});
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 8;
  run(spec);
  EXPECT_FALSE(completed);
  EXPECT_EQ(errors.size(), 1U);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{0, 4096}));
  EXPECT_EQ(totals.ops[0].operations, 1U);
}

TEST_F(WorkerTest, NoBlockOfABatchBeginsAfterTheDeadline) {
  plan::JobSpec spec = testing::endless({path});
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 8;
  io(spec).workload.runtime = 5 * util::kSecond;
  sys.on_read = [this](ino_t, std::uint64_t) {
    clock.advance(2 * util::kSecond);
    return 0;
  };
  run(spec);
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 3U);
}

TEST_F(WorkerTest, BatchesOfAMixedJobDoEveryBlockOnce) {
  plan::JobSpec spec = testing::writing({path});
  io(spec).workload.rw = workload::Mode::randrw;
  io(spec).workload.fsync = 2;
  std::get<engine::SpliceOptions>(io(spec).engine).batch = 4;
  io(spec).workload.bs = 512;
  run(spec);
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations + totals.ops[1].operations, 80U);
  EXPECT_EQ(totals.ops[3].operations, totals.ops[1].operations / 2);
  EXPECT_EQ(visited, 40'960U);
}

TEST_F(WorkerTest, AnOperationThatWasStoppedIsNoError) {
  sys.on_read = [this](ino_t, std::uint64_t) {
    valve.pass();
    return EINTR;
  };
  run(testing::reading({path}), [this](Worker& worker) {
    ASSERT_TRUE(await_blocked());
    worker.request_stop();
    valve.open();
  });
  EXPECT_FALSE(completed);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(totals.ops[0].operations, 0U);
  EXPECT_EQ(totals.ops[0].error_count(), 0U);
}

TEST_F(WorkerTest, WhatIsReadTakesLittleMemoryHoweverLargeTheBlocks) {
  const std::byte* lowest = nullptr;
  const std::byte* highest = nullptr;
  std::size_t bytes = 0;
  sys.on_vmsplice = [&](std::span<const iovec> parts) {
    for (const iovec& part : parts) {
      const auto* begin = static_cast<const std::byte*>(part.iov_base);
      lowest = lowest == nullptr ? begin : std::min(lowest, begin);
      highest = std::max(highest, begin + part.iov_len);
      bytes += part.iov_len;
    }
  };
  path = dir.file("large", 8 << 20);
  plan::JobSpec spec = testing::reading({path});
  std::get<engine::SpliceOptions>(io(spec).engine).read_path = engine::ReadPath::copy;
  for (const auto& [bs, batch] :
       {std::pair(1 << 20, 1), std::pair(4096, 64), std::pair(12288, 64), std::pair(512, 1)}) {
    SCOPED_TRACE(bs);
    lowest = highest = nullptr;
    bytes = 0;
    totals = {};
    exited = false;
    io(spec).workload.bs = static_cast<std::uint64_t>(bs);
    std::get<engine::SpliceOptions>(io(spec).engine).batch = static_cast<std::uint64_t>(batch);
    run(spec);
    EXPECT_TRUE(completed);
    EXPECT_EQ(bytes, totals.ops[0].bytes);
    EXPECT_GT(bytes, 7U << 20);
    EXPECT_EQ(highest - lowest, std::min<std::ptrdiff_t>(bs, 16384));
  }
}

TEST_F(WorkerTest, SyncsAtTheEndWhenAsked) {
  std::atomic<int> syncs{0};
  sys.on_sync = [&] {
    ++syncs;
    return 0;
  };
  plan::JobSpec spec = testing::writing({path});
  io(spec).workload.fdatasync = 5;
  io(spec).workload.end_fsync = true;
  run(spec);
  EXPECT_EQ(totals.ops[1].operations, 10U);
  EXPECT_EQ(totals.ops[3].operations, static_cast<std::uint64_t>(syncs));
  EXPECT_GE(syncs, 2);
  EXPECT_EQ(visited, 40'960U);  // a sync moves nothing forward
}

TEST_F(WorkerTest, ThePauseBetweenOperationsIsTheClocks) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.thinktime = util::kSecond;
  const util::Nanos began = clock.now();
  run_with_pauses(spec);
  EXPECT_TRUE(completed) << "no pause comes after the last one";
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_EQ(clock.now() - began, 9 * util::kSecond);
}

// A rate that the pauses alone do not allow: all the same nothing is late.
TEST_F(WorkerTest, APauseThatTheJobAskedForIsNoLatency) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.rate_iops = 2;
  io(spec).workload.thinktime = 3 * util::kSecond;
  run_with_pauses(spec);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_NEAR(totals.ops[0].latency.sum_seconds(), 0, 0.001);
}

TEST_F(WorkerTest, WhatAStallMadeLateStaysLateBehindPauses) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.rate_iops = 1;
  io(spec).workload.thinktime = util::kSecond / 2;
  sys.on_read = [this](ino_t, std::uint64_t offset) {
    if (offset == 0) clock.advance(9 * util::kSecond);
    return 0;
  };
  run_with_pauses(spec);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_NEAR(totals.ops[0].latency.sum_seconds(), 9 + 8 + 7 + 6 + 5 + 4 + 3 + 2 + 1 + 0, 0.001);
}

TEST_F(WorkerTest, TheDeadlineEndsATimeBasedRunAndAPauseThatReachesPastIt) {
  plan::JobSpec spec = testing::endless({path});
  io(spec).workload.runtime = 5 * util::kSecond;
  io(spec).workload.thinktime = 60 * util::kSecond;
  run(spec, [this](Worker& worker) {
    ASSERT_TRUE(testing::await([&] { return worker.counters().visited_bytes() == 4096; }));
    clock.advance(5 * util::kSecond);
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 1U);
}

TEST_F(WorkerTest, LatencyCountsFromWhenAnOperationWasDue) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.rate_iops = 1;
  sys.on_read = [this](ino_t, std::uint64_t offset) {
    if (offset == 0) clock.advance(9 * util::kSecond);  // the first takes so long that all others are late
    return 0;
  };
  run(spec);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  // 9 s for the first and 9 - n for the one that was due n seconds after the start.
  EXPECT_NEAR(totals.ops[0].latency.sum_seconds(), 9 + 8 + 7 + 6 + 5 + 4 + 3 + 2 + 1 + 0, 0.001);
}

StreamSpec& stream_of(plan::JobSpec& spec) {
  return std::get<StreamsSpec>(spec.stages.at(0).what).streams.at(0);
}

// Ten operations, one in a second.
TEST_F(WorkerTest, WhatEndsInTheRampIsCountedApart) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.rate_iops = 1;
  io(spec).workload.ramp_time = 3 * util::kSecond;
  run(spec, [this](Worker& worker) {
    for (std::uint64_t i = 1; i <= 10; ++i) {
      ASSERT_TRUE(testing::await([&] { return worker.visited_bytes() == i * 4096; }));
      clock.advance(util::kSecond);
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(ramp.ops[0].operations, 3U);
  EXPECT_EQ(ramp.ops[0].latency.count(), 3U);
  EXPECT_EQ(totals.ops[0].operations, 7U);
  EXPECT_EQ(visited, 40'960U);
}

TEST_F(WorkerTest, AnOperationThatEndsAfterTheRampIsNoneOfIt) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.ramp_time = 3 * util::kSecond;
  sys.on_read = [this](ino_t, std::uint64_t offset) {
    if (offset == 4096) clock.advance(9 * util::kSecond);
    return 0;
  };
  run(spec);
  EXPECT_EQ(ramp.ops[0].operations, 1U);
  EXPECT_EQ(totals.ops[0].operations, 9U);
  EXPECT_NEAR(totals.ops[0].latency.sum_seconds(), 9, 0.001) << "a stall does not hide in it";
}

TEST_F(WorkerTest, TheRuntimeBeginsAfterTheRamp) {
  plan::JobSpec spec = testing::endless({path});
  io(spec).workload.ramp_time = 3 * util::kSecond;
  io(spec).workload.runtime = 4 * util::kSecond;
  io(spec).workload.rate_iops = 1;
  run(spec, [this](Worker& worker) {
    for (std::uint64_t i = 1; i <= 7; ++i) {
      ASSERT_TRUE(testing::await([&] { return worker.visited_bytes() == i * 4096; }));
      clock.advance(util::kSecond);
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(ramp.ops[0].operations, 3U);
  EXPECT_EQ(totals.ops[0].operations, 4U);
}

TEST_F(WorkerTest, AStreamMayBeginLate) {
  plan::JobSpec spec = testing::reading({path});
  stream_of(spec).start_delay = 5 * util::kSecond;
  util::Nanos first = 0;
  sys.on_read = [&](ino_t, std::uint64_t offset) {
    if (offset == 0) first = clock.now();
    return 0;
  };
  const util::Nanos began = clock.now();
  run(spec, [this](Worker& worker) {
    clock.advance(4 * util::kSecond);
    EXPECT_EQ(worker.visited_bytes(), 0U);
    clock.advance(util::kSecond);
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_GE(first - began, 5 * util::kSecond);
}

TEST_F(WorkerTest, APauseComesAfterSomeBlocks) {
  plan::JobSpec spec = testing::reading({path});
  io(spec).workload.thinktime = util::kSecond;
  io(spec).workload.thinktime_blocks = 4;
  const util::Nanos began = clock.now();
  run(spec, [this](Worker& worker) {
    for (const std::uint64_t done : {4, 8}) {
      ASSERT_TRUE(testing::await([&] { return operations_of(worker) == done; }));
      clock.advance(util::kSecond);
    }
  });
  EXPECT_TRUE(completed);
  EXPECT_EQ(totals.ops[0].operations, 10U);
  EXPECT_EQ(clock.now() - began, 2 * util::kSecond);
}

}  // namespace
}  // namespace spliced::run
