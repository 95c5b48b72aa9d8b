#include "job/budget.h"

#include "job/tuning.h"
#include "service_fixture.h"
#include "spliced/verify/payload.h"

namespace spliced::job {
namespace {

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
  spec.workload.bs = bs;
  spec.workload.workers = workers;
  return spec;
}

TEST(Budget, AJobGetsHalfOfThePipesThatAreLeft) {
  JobSpec spec = reading({"/x", "/y"});
  spec.workload.workers = 2;
  const auto limits = limits_of(4096 * kMiB, 16 * kMiB);
  EXPECT_EQ(book(spec, limits, 0, 0).grant.pipe_limit, kMaxAutoPipe);
  EXPECT_EQ(book(spec, limits, 0, 12 * kMiB).grant.pipe_limit, kMiB / 2);
  EXPECT_EQ(book(spec, limits, 0, 99 * kMiB).grant.pipe_limit, 0U);
  spec.workload.rw = workload::Mode::randrw;
  EXPECT_EQ(book(spec, limits, 0, 12 * kMiB).grant.pipe_limit, kMiB / 4) << "one for each direction";
  EXPECT_EQ(book(spec, limits, 0, 12 * kMiB).threads, 4U);
}

TEST(Budget, BatchesTakeNoMoreThanHalfOfTheMemoryThatIsLeft) {
  const JobSpec spec = writing_blocks_of(65536, 16);
  const auto batch = [&](const Reservation& out) { return largest_batch(settings_to_try(spec, out.grant)); };
  const Reservation first = book(spec, limits_of(32 * kMiB, 0), 0, 0);
  EXPECT_LE(first.buffers, 16 * kMiB);
  EXPECT_EQ(batch(first), 8U);
  const Reservation more = book(spec, limits_of(32 * kMiB, 0), 16 * kMiB, 0);
  EXPECT_LE(more.buffers, 8 * kMiB);
  EXPECT_EQ(batch(more), 2U);
  const Reservation last = book(spec, limits_of(32 * kMiB, 0), 24 * kMiB, 0);
  EXPECT_EQ(batch(last), 1U) << "which is what it needs at least";
  EXPECT_EQ(last.grant.pipe_limit, kMaxAutoPipe) << "pipes are no buffers";
}

TEST(Budget, SoDoBatchesThroughAPipeThatTheJobGives) {
  JobSpec spec = writing_blocks_of(16384, 64);
  spec.engine.pipe_size = kMiB;
  EXPECT_EQ(largest_batch(settings_to_try(spec, book(spec, limits_of(4096 * kMiB, 0), 0, 0).grant)), 64U);
  const Reservation out = book(spec, limits_of(64 * kMiB, 0), 0, 0);
  EXPECT_EQ(largest_batch(settings_to_try(spec, out.grant)), 4U);
  EXPECT_LE(out.buffers, 32 * kMiB);
}

TEST(Budget, WhatIsBookedIsWhatTheBuffersTake) {
  for (const std::uint64_t bs : {std::uint64_t{512}, std::uint64_t{65536}, 4 * kMiB}) {
    const JobSpec spec = writing_blocks_of(bs, 3);
    const Reservation out = book(spec, limits_of(4096 * kMiB, 0), 0, 0);
    const std::size_t batch = largest_batch(settings_to_try(spec, out.grant));
    const std::size_t each = verify::PayloadSource::footprint(bs, batch, out.grant.payload_pages);
    EXPECT_EQ(out.buffers, 3 * each);
    EXPECT_GE(each, bs * batch);
  }
}

TEST(Budget, TheReadsOfAWorkerShareABuffer) {
  JobSpec spec = reading({"/x", "/y"});
  spec.workload.workers = 3;
  for (const std::uint64_t bs : {std::uint64_t{4096}, std::uint64_t{12288}, std::uint64_t{kReadWindow}}) {
    spec.workload.bs = bs;
    EXPECT_EQ(book(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * bs) << "however many there are in a batch";
  }
  spec.workload.bs = kMaxBlock;
  EXPECT_EQ(book(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * kReadWindow);
}

TEST(Budget, HugePagesAreForLargeBlocksOfAFewWorkers) {
  const auto pages = [](const JobSpec& spec) {
    return book(spec, limits_of(1024 * kMiB, 0), 0, 0).grant.payload_pages;
  };
  EXPECT_EQ(pages(writing_blocks_of(65536)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 32)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 33)), Pages::small) << "more than a sixteenth of 1 GiB";
  EXPECT_EQ(pages(writing_blocks_of(4096)), Pages::small);
}

TEST(Budget, NoPipesForTrimsAndNoMoreThanAJobCanHave) {
  JobSpec spec = writing_blocks_of(kMiB);
  spec.engine.pipe_size = 64 * kMiB;
  EXPECT_EQ(book(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, kMiB);
  spec.workload.rw = workload::Mode::trim;
  EXPECT_EQ(book(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, 0U);
  EXPECT_EQ(book(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).buffers, 0U);
}

}  // namespace
}  // namespace spliced::job
