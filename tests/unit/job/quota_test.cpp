// SPDX-License-Identifier: Apache-2.0
#include "job/quota.h"

#include "plan/needs.h"

#include "service_fixture.h"
#include "spliced/util/descriptors.h"

namespace spliced::job {
namespace {

using testing::io;
using testing::reading;
using testing::writing;

constexpr std::uint64_t kMiB = 1 << 20;

JobSpec writing_blocks_of(std::uint64_t bs, unsigned workers = 1) {
  JobSpec spec = writing({"/x"});
  io(spec).workload.bs = bs;
  io(spec).workload.workers = workers;
  return spec;
}

// A quota without limits, but for what a test sets.
ServiceLimits generous() {
  ServiceLimits limits;
  limits.resources.buffer_bytes = 4096 * kMiB;
  limits.resources.pipe_bytes = 0;
  limits.resources.largest_pipe = kMiB;
  limits.descriptors = 1'000'000;
  return limits;
}
util::MemoryBound bound(std::uint64_t limit, std::uint64_t used = 0) {
  return {limit, used, "/group/memory.max"};
}

TEST(Quota, ATargetAndEachOfItsWorkersTakeDescriptors) {
  JobSpec spec = reading({"/x", "/y", "/z"});
  const std::uint64_t one = plan::descriptors_of(spec);
  EXPECT_GE(one, 5U) << "a target, and two ends of a pipe for each direction";
  io(spec).workload.workers = 2;
  EXPECT_GE(plan::descriptors_of(spec), one + 4);
  EXPECT_EQ(plan::descriptors_of(reading({"/x"})), one) << "each device has a table of its own";
}

TEST(Quota, OnlySoManyDescriptorsAreThere) {
  ServiceLimits limits = generous();
  JobSpec spec = reading({"/x", "/y"});
  io(spec).workload.workers = 8;
  limits.descriptors = plan::descriptors_of(spec);
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
  EXPECT_GE(roomy->memory(), 64 * kMiB + 64 * plan::kWorkerBytes);
  EXPECT_FALSE(Quota(generous()).reserve(spec, bound(kOwnMemory + 64 * kMiB)));
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 0;
  const auto modest = Quota(generous()).reserve(spec, bound(kOwnMemory + 64 * kMiB));
  ASSERT_TRUE(modest) << "a job that leaves the size of its pipes open makes do with less";
  EXPECT_LE(modest->memory(), 64 * kMiB);
}

}  // namespace
}  // namespace spliced::job
