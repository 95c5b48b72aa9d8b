// SPDX-License-Identifier: Apache-2.0
#include "job/quota.h"

#include "run/tuning.h"
#include "service_fixture.h"
#include "spliced/util/descriptors.h"
#include "spliced/verify/payload.h"

namespace spliced::job {
namespace {

using testing::io;
using testing::reading;
using testing::writing;
using util::Pages;

constexpr std::uint64_t kMiB = 1 << 20;

ServiceLimits limits_of(std::uint64_t buffers, std::uint64_t pipes) {
  ServiceLimits limits;
  limits.buffer_bytes = buffers;
  limits.pipe_bytes = pipes;
  limits.largest_pipe = kMiB;
  return limits;
}

JobSpec writing_blocks_of(std::uint64_t bs, unsigned workers = 1) {
  JobSpec spec = writing({"/x"});
  io(spec).workload.bs = bs;
  io(spec).workload.workers = workers;
  return spec;
}

TEST(Quota, AJobGetsHalfOfThePipesThatAreLeft) {
  JobSpec spec = reading({"/x", "/y"});
  io(spec).workload.workers = 2;
  const auto limits = limits_of(4096 * kMiB, 16 * kMiB);
  EXPECT_EQ(plan_reservation(spec, limits, 0, 0).grants.at(0).at(0).pipe_limit, run::kLargestGrant);
  EXPECT_EQ(plan_reservation(spec, limits, 0, 12 * kMiB).grants.at(0).at(0).pipe_limit, kMiB / 2);
  EXPECT_EQ(plan_reservation(spec, limits, 0, 99 * kMiB).grants.at(0).at(0).pipe_limit, 0U);
  io(spec).workload.rw = workload::Mode::randrw;
  EXPECT_EQ(plan_reservation(spec, limits, 0, 12 * kMiB).grants.at(0).at(0).pipe_limit, kMiB / 4)
      << "one for each direction";
  EXPECT_EQ(plan_reservation(spec, limits, 0, 12 * kMiB).threads, 4U);
}

TEST(Quota, BatchesTakeNoMoreThanHalfOfTheMemoryThatIsLeft) {
  const JobSpec spec = writing_blocks_of(65536, 16);
  const auto batch = [&](const Reservation& out) {
    return run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0)));
  };
  const Reservation first = plan_reservation(spec, limits_of(32 * kMiB, 0), 0, 0);
  EXPECT_LE(first.buffers, 16 * kMiB);
  EXPECT_EQ(batch(first), 8U);
  const Reservation more = plan_reservation(spec, limits_of(32 * kMiB, 0), 16 * kMiB, 0);
  EXPECT_LE(more.buffers, 8 * kMiB);
  EXPECT_EQ(batch(more), 2U);
  const Reservation last = plan_reservation(spec, limits_of(32 * kMiB, 0), 24 * kMiB, 0);
  EXPECT_EQ(batch(last), 1U) << "which is what it needs at least";
  EXPECT_EQ(last.grants.at(0).at(0).pipe_limit, run::kLargestGrant) << "pipes are no buffers";
}

TEST(Quota, SoDoBatchesThroughAPipeThatTheJobGives) {
  JobSpec spec = writing_blocks_of(16384, 64);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = kMiB;
  EXPECT_EQ(run::largest_batch(
                run::settings_to_try(io(spec), engine::Direction::write,
                                     plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).grants.at(0).at(0))),
            64U);
  const Reservation out = plan_reservation(spec, limits_of(64 * kMiB, 0), 0, 0);
  EXPECT_EQ(run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0))), 4U);
  EXPECT_LE(out.buffers, 32 * kMiB);
}

TEST(Quota, WhatIsBookedIsWhatTheBuffersTake) {
  for (const std::uint64_t bs : {std::uint64_t{512}, std::uint64_t{65536}, 4 * kMiB}) {
    const JobSpec spec = writing_blocks_of(bs, 3);
    const Reservation out = plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0);
    const std::size_t batch =
        run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0)));
    const std::size_t each = verify::PayloadSource::footprint(bs, batch, out.grants.at(0).at(0).payload_pages);
    EXPECT_EQ(out.buffers, 3 * each);
    EXPECT_GE(each, bs * batch);
  }
}

TEST(Quota, TheReadsOfAWorkerShareABuffer) {
  JobSpec spec = reading({"/x", "/y"});
  io(spec).workload.workers = 3;
  for (const std::uint64_t bs : {std::uint64_t{4096}, std::uint64_t{12288}, std::uint64_t{std::size_t{16384}}}) {
    io(spec).workload.bs = bs;
    EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * bs)
        << "however many there are in a batch";
  }
  io(spec).workload.bs = plan::kMaxBlock;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * std::size_t{16384});
}

TEST(Quota, HugePagesAreForLargeBlocksOfAFewWorkers) {
  const auto pages = [](const JobSpec& spec) {
    return plan_reservation(spec, limits_of(1024 * kMiB, 0), 0, 0).grants.at(0).at(0).payload_pages;
  };
  EXPECT_EQ(pages(writing_blocks_of(65536)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 32)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 33)), Pages::small) << "more than a sixteenth of 1 GiB";
  EXPECT_EQ(pages(writing_blocks_of(4096)), Pages::small);
}

// A quota without limits, but for what a test sets.
ServiceLimits generous() {
  ServiceLimits limits;
  limits.buffer_bytes = 4096 * kMiB;
  limits.pipe_bytes = 0;
  limits.largest_pipe = kMiB;
  limits.descriptors = 1'000'000;
  return limits;
}
util::MemoryBound bound(std::uint64_t limit, std::uint64_t used = 0) {
  return {limit, used, "/group/memory.max"};
}

TEST(Quota, ATargetAndEachOfItsWorkersTakeDescriptors) {
  JobSpec spec = reading({"/x", "/y", "/z"});
  const std::uint64_t one = descriptors_of(spec);
  EXPECT_GE(one, 5U) << "a target, and two ends of a pipe for each direction";
  io(spec).workload.workers = 2;
  EXPECT_GE(descriptors_of(spec), one + 4);
  EXPECT_EQ(descriptors_of(reading({"/x"})), one) << "each device has a table of its own";
}

TEST(Quota, OnlySoManyDescriptorsAreThere) {
  ServiceLimits limits = generous();
  JobSpec spec = reading({"/x", "/y"});
  io(spec).workload.workers = 8;
  limits.descriptors = descriptors_of(spec);
  Quota quota(limits);
  ASSERT_TRUE(quota.reserve(spec, {}));
  io(spec).workload.workers = 9;
  const auto refused = quota.reserve(spec, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, util::Errc::exhausted);
  for (const char* part : {"needs", "descriptors", "LimitNOFILE=", "ulimit -n"}) {
    EXPECT_TRUE(testing::contains(refused.error().message, part)) << refused.error().message;
  }
  EXPECT_EQ(quota.running(), 1U) << "what is refused takes nothing";
}

TEST(Quota, HalfOfFewDescriptorsAreForJobs) {
  EXPECT_LT(descriptors_for_jobs(), util::descriptor_limit());
  EXPECT_GE(descriptors_for_jobs(), util::descriptor_limit() / 2);
}

TEST(Quota, AJobMustFitIntoTheMemoryOfTheProcess) {
  Quota quota(generous());
  const JobSpec spec = writing_blocks_of(plan::kMaxBlock, 8);
  const auto refused = quota.reserve(spec, bound(256 * kMiB));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, util::Errc::exhausted);
  for (const char* part : {"/group/memory.max allows 268435456 bytes", "are kept for the daemon"}) {
    EXPECT_TRUE(testing::contains(refused.error().message, part)) << refused.error().message;
  }
  EXPECT_TRUE(quota.reserve(writing_blocks_of(65536, 8), bound(256 * kMiB)));
  EXPECT_TRUE(quota.reserve(spec, {})) << "nothing limits";
}

TEST(Quota, WhatTheProcessUsesBesidesIsNotForJobs) {
  const JobSpec spec = writing_blocks_of(16 * kMiB, 2);  // 32 MiB of buffers
  EXPECT_TRUE(Quota(generous()).reserve(spec, bound(256 * kMiB, 128 * kMiB)));
  EXPECT_FALSE(Quota(generous()).reserve(spec, bound(256 * kMiB, 192 * kMiB)));
  EXPECT_FALSE(Quota(generous()).reserve(spec, bound(256 * kMiB, 512 * kMiB))) << "more than there is";
}

// The buffers of a job that runs are among what is used; they count once.
TEST(Quota, WhatRunningJobsHaveIsCountedOnce) {
  Quota quota(generous());
  const auto first = quota.reserve(writing_blocks_of(16 * kMiB, 4), bound(256 * kMiB));
  ASSERT_TRUE(first);
  EXPECT_TRUE(quota.reserve(writing_blocks_of(16 * kMiB, 4), bound(256 * kMiB, first->buffers)));
}

// A limit holds from when it is set.
TEST(Quota, JobsOneAfterTheOtherFillTheMemoryAndNoMore) {
  Quota quota(generous());
  const auto small = bound(256 * kMiB);
  std::uint64_t taken = 0;
  int accepted = 0;
  for (; accepted < 100; ++accepted) {
    const auto one = quota.reserve(writing_blocks_of(8 * kMiB), small);
    if (!one) break;
    taken += one->memory();
  }
  EXPECT_GT(accepted, 5);
  EXPECT_LT(accepted, 100);
  EXPECT_LE(taken + kOwnMemory, small.limit);
  EXPECT_TRUE(quota.reserve(writing_blocks_of(8 * kMiB), bound(1024 * kMiB))) << "the limit was raised";
}

TEST(Quota, PipesAndWorkersAreMemoryToo) {
  JobSpec spec = reading({"/x"});
  io(spec).workload.workers = 64;
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = kMiB;
  const auto roomy = Quota(generous()).reserve(spec, bound(512 * kMiB));
  ASSERT_TRUE(roomy);
  EXPECT_EQ(roomy->pipes, 64 * kMiB);
  EXPECT_GE(roomy->memory(), 64 * kMiB + 64 * kWorkerBytes);
  EXPECT_FALSE(Quota(generous()).reserve(spec, bound(kOwnMemory + 64 * kMiB)));
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 0;
  const auto modest = Quota(generous()).reserve(spec, bound(kOwnMemory + 64 * kMiB));
  ASSERT_TRUE(modest) << "a job that leaves the size of its pipes open makes do with less";
  EXPECT_LE(modest->memory(), 64 * kMiB);
}

TEST(Quota, NoPipesForTrimsAndNoMoreThanAJobCanHave) {
  JobSpec spec = writing_blocks_of(kMiB);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 64 * kMiB;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, kMiB);
  io(spec).workload.rw = workload::Mode::trim;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, 0U);
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).buffers, 0U);
}

TEST(Quota, StreamsTakeWhatTheyNeedTogetherAndStagesOneAfterTheOther) {
  JobSpec spec = writing_blocks_of(1 << 20, 2);
  const Reservation one = plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0);
  auto& streams = std::get<run::StreamsSpec>(spec.stages.at(0).what).streams;
  streams.push_back(streams.front());
  const Reservation both = plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0);
  EXPECT_EQ(both.threads, 2 * one.threads);
  EXPECT_EQ(both.buffers, 2 * one.buffers);
  EXPECT_EQ(both.pipes, 2 * one.pipes);
  EXPECT_EQ(both.grants.at(0).size(), 2U);
  EXPECT_GT(descriptors_of(spec), descriptors_of(writing_blocks_of(1 << 20, 2)));
  spec.stages = {{"again", run::RepeatSpec{5, spec.stages}, {}}};
  const Reservation again = plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0);
  EXPECT_EQ(again.buffers, both.buffers);
  EXPECT_EQ(again.grants.size(), 5U);
}

TEST(Quota, BlocksToTrimNeedNoBuffers) {
  JobSpec spec = writing({"/x"});
  io(spec).workload.rw = workload::Mode::trim;
  io(spec).workload.bs = 4ULL << 30;
  EXPECT_EQ(plan_reservation(spec, limits_of(kMiB, 0), 0, 0).memory(), kWorkerBytes);
  EXPECT_TRUE(check_spec(spec).empty());
  io(spec).workload.bs = (4ULL << 30) + 512;
  EXPECT_FALSE(check_spec(spec).empty());
  io(spec).workload.rw = workload::Mode::randrw;
  io(spec).workload.bs = workload::PerOp(4096, 65'536, 1);
  EXPECT_TRUE(check_spec(spec).empty());
  io(spec).workload.rw = workload::Mode::rw;
  EXPECT_FALSE(check_spec(spec).empty()) << "block by block, it needs one size";
}

}  // namespace
}  // namespace spliced::job
