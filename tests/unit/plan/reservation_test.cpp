// SPDX-License-Identifier: Apache-2.0
#include "plan/reservation.h"

#include "plan/needs.h"
#include "run/tuning.h"
#include "spliced/verify/write_buffers.h"
#include "unit/job/service_fixture.h"

namespace spliced::plan {
namespace {

using testing::io;
using testing::reading;
using testing::writing;
using util::Pages;

constexpr std::uint64_t kMiB = 1 << 20;

ResourceLimits limits_of(std::uint64_t buffers, std::uint64_t pipes) {
  ResourceLimits limits;
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

TEST(PlanReservation, AJobGetsHalfOfThePipesThatAreLeft) {
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

TEST(PlanReservation, BatchesTakeNoMoreThanHalfOfTheMemoryThatIsLeft) {
  const JobSpec spec = writing_blocks_of(65536, 16);
  const auto batch = [&](const Reservation& out) {
    return run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0)));
  };
  const Reservation first = plan_reservation(spec, limits_of(32 * kMiB, 0), 0, 0);
  EXPECT_LE(first.buffers, 16 * kMiB);
  EXPECT_EQ(batch(first), 16U);
  const Reservation more = plan_reservation(spec, limits_of(32 * kMiB, 0), 16 * kMiB, 0);
  EXPECT_LE(more.buffers, 8 * kMiB);
  EXPECT_EQ(batch(more), 8U);
  const Reservation last = plan_reservation(spec, limits_of(32 * kMiB, 0), 31 * kMiB, 0);
  EXPECT_EQ(batch(last), 1U) << "which is what it needs at least";
  EXPECT_EQ(last.grants.at(0).at(0).pipe_limit, run::kLargestGrant) << "pipes are no buffers";
}

TEST(PlanReservation, SoDoBatchesThroughAPipeThatTheJobGives) {
  JobSpec spec = writing_blocks_of(16384, 64);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = kMiB;
  EXPECT_EQ(run::largest_batch(
                run::settings_to_try(io(spec), engine::Direction::write,
                                     plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).grants.at(0).at(0))),
            64U);
  const Reservation out = plan_reservation(spec, limits_of(64 * kMiB, 0), 0, 0);
  EXPECT_EQ(run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0))), 16U);
  EXPECT_LE(out.buffers, 32 * kMiB);
}

TEST(PlanReservation, WhatIsBookedIsWhatTheBuffersTake) {
  for (const std::uint64_t bs : {std::uint64_t{512}, std::uint64_t{65536}, 4 * kMiB}) {
    const JobSpec spec = writing_blocks_of(bs, 3);
    const Reservation out = plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0);
    const std::size_t batch =
        run::largest_batch(run::settings_to_try(io(spec), engine::Direction::write, out.grants.at(0).at(0)));
    const std::size_t each = verify::WriteBuffers::footprint(bs, batch, out.grants.at(0).at(0).payload_pages);
    EXPECT_EQ(out.buffers, 3 * each);
    EXPECT_GE(each, bs * batch);
  }
}

TEST(PlanReservation, TheReadsOfAWorkerShareABuffer) {
  JobSpec spec = reading({"/x", "/y"});
  io(spec).workload.workers = 3;
  for (const std::uint64_t bs : {std::uint64_t{4096}, std::uint64_t{12288}, std::uint64_t{std::size_t{16384}}}) {
    io(spec).workload.bs = bs;
    EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * bs)
        << "however many there are in a batch";
  }
  io(spec).workload.bs = kMaxBlock;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 0), 0, 0).buffers, 6 * std::size_t{16384});
}

TEST(PlanReservation, HugePagesAreForLargeBlocksOfAFewWorkers) {
  const auto pages = [](const JobSpec& spec) {
    return plan_reservation(spec, limits_of(1024 * kMiB, 0), 0, 0).grants.at(0).at(0).payload_pages;
  };
  EXPECT_EQ(pages(writing_blocks_of(65536)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 32)), Pages::huge);
  EXPECT_EQ(pages(writing_blocks_of(65536, 33)), Pages::small) << "more than a sixteenth of 1 GiB";
  EXPECT_EQ(pages(writing_blocks_of(4096)), Pages::small);
}

TEST(PlanReservation, NoPipesForTrimsAndNoMoreThanAJobCanHave) {
  JobSpec spec = writing_blocks_of(kMiB);
  std::get<engine::SpliceOptions>(io(spec).engine).pipe_size = 64 * kMiB;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, kMiB);
  io(spec).workload.rw = workload::Mode::trim;
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).pipes, 0U);
  EXPECT_EQ(plan_reservation(spec, limits_of(4096 * kMiB, 16 * kMiB), 0, 0).buffers, 0U);
}

TEST(PlanReservation, StreamsTakeWhatTheyNeedTogetherAndStagesOneAfterTheOther) {
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

TEST(PlanReservation, BlocksToTrimNeedNoBuffers) {
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
}  // namespace spliced::plan
