// SPDX-License-Identifier: Apache-2.0
#include "run/resumption.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "run/damage_log.h"
#include "run/error_log.h"
#include "run/run.h"
#include "spliced/util/unique_fd.h"
#include "unit/job/service_fixture.h"

namespace spliced::run {
namespace {

using Certainty = WriteHistory::Certainty;
using workload::BlockRange;
using workload::Cursor;
using workload::Pass;

constexpr std::uint64_t kResumedBlock = 4096;
constexpr BlockRange kHundred{0, kResumedBlock * 100, kResumedBlock};

Cursor up_to(std::uint64_t position) {
  Cursor out;
  out.position = out.watermark = position;
  return out;
}
std::shared_ptr<WrittenSeries> resumed_at(std::uint64_t from, std::uint64_t rounds, std::uint64_t end) {
  workload::WorkloadSpec spec;
  spec.rw = workload::Mode::write;
  auto out = std::make_shared<WrittenSeries>(std::make_shared<const verify::Image>(verify::Payload{}, verify::Origin{}),
                                             Pass(spec, kHundred), 1);
  out->resume(up_to(from), rounds, {});
  out->end(up_to(end));
  return out;
}
Certainty certainty_of(const WriteHistory& history, std::uint64_t block) {
  return history.at(block * kResumedBlock, kResumedBlock, {}).certainty;
}

TEST(ResumedSeries, WhatWasInFlightIsInDoubtUntilItIsWrittenAgain) {
  WriteHistory history;
  history.add(resumed_at(40, 1, 60));
  EXPECT_EQ(certainty_of(history, 39), Certainty::known);
  EXPECT_EQ(certainty_of(history, 59), Certainty::known) << "written again";
  EXPECT_EQ(certainty_of(history, 60), Certainty::doubtful) << "old, new or torn";
}

TEST(ResumedSeries, WhatALaterRoundMayHaveChangedIsRightOrInDoubt) {
  WriteHistory history;
  history.add(resumed_at(140, 5, 160));
  EXPECT_EQ(certainty_of(history, 30), Certainty::outdated) << "of the second round, before the restart";
  EXPECT_EQ(certainty_of(history, 50), Certainty::known) << "of the second round, after it";
  EXPECT_EQ(certainty_of(history, 70), Certainty::doubtful) << "the second round may have come so far before";
  WriteHistory last;
  last.add(resumed_at(140, 2, 200));
  EXPECT_EQ(certainty_of(last, 30), Certainty::known) << "there was no later round";
}

TEST(ResumedSeries, TellsAllOfItselfToTheNext) {
  const auto series = resumed_at(40, 1, 60);
  series->doubts().add(3, 5);
  const SeriesPoint point = series->point();
  EXPECT_EQ(point.cursor.watermark, 60U);
  ASSERT_EQ(point.doubts.size(), 1U);
  EXPECT_EQ(point.doubts[0].end, 5U);
}

struct WitnessTest : ::testing::Test {
  WitnessTest() {
    StageSpec stage;
    stage.what = StreamsSpec{};
    auto& stream = std::get<StreamsSpec>(stage.what).streams[0];
    stream.io.workload.rw = workload::Mode::randwrite;
    stream.io.workload.bs = {kResumedBlock, kResumedBlock, kResumedBlock};
    stages.push_back(stage);
    plans.push_back({{{kHundred, {}}}});
    at.cursors = {up_to(30)};
    at.streams.resize(1);
    at.series.push_back({0, 0, 1, {}, {}});
    image = std::make_shared<const verify::Image>(payload_of(stream.io, 0), origin.with_seed(stream.io.workload.seed));
  }
  // All that was done by the cursor.
  void write_done() {
    const Pass pass(std::get<StreamsSpec>(stages[0].what).streams[0].io.workload, kHundred);
    for (std::uint64_t i = 0; i < at.cursors[0].watermark; ++i) write(pass.at(i).offset, 1);
  }
  void write(std::uint64_t offset, std::uint32_t pass) {
    std::vector<std::byte> data(kResumedBlock);
    image->fill(data, offset, pass);
    ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(kResumedBlock));
  }
  void wipe(std::uint64_t offset) {
    const std::vector<std::byte> data(kResumedBlock);
    ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(kResumedBlock));
  }
  static util::Reason why(const util::Status& status) {
    return status ? util::Reason::internal : util::reason_of(status.error());
  }
  History history() { return {stages, plans, origin}; }

  std::vector<StageSpec> stages;
  std::vector<StagePlan> plans;
  DataOrigin origin{{}, 7};
  Checkpoint at;
  std::shared_ptr<const verify::Image> image;
  testing::TempDir dir;
  util::UniqueFd fd{::open(dir.file("disk", kResumedBlock * 100).c_str(), O_RDWR)};
};

TEST_F(WitnessTest, TheFirstTheMiddleAndTheLastMustBeThere) {
  write_done();
  const auto all = witnesses(history(), at);
  ASSERT_GE(all.size(), 3U);
  EXPECT_TRUE(check_places(fd.get(), all));
  for (const Witness& one : all) {
    wipe(one.offset);
    EXPECT_EQ(why(check_places(fd.get(), all)), util::Reason::changed) << one.offset;
    write(one.offset, 9);  // whatever its pass
    EXPECT_TRUE(check_places(fd.get(), all));
  }
  origin.device = 8;
  EXPECT_FALSE(check_places(fd.get(), witnesses(history(), at))) << "it was written to another device";
}

TEST_F(WitnessTest, WhatCannotBeReadIsNoChange) {
  const util::UniqueFd unreadable(::open((dir.path() + "/disk").c_str(), O_WRONLY));
  const auto status = check_places(unreadable.get(), witnesses(history(), at));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, util::Errc::system);
  EXPECT_NE(util::reason_of(status.error()), util::Reason::changed);
}

TEST_F(WitnessTest, BeforeThereIsACheckpointOneInFlightIsEnough) {
  at.cursors = {up_to(0)};
  EXPECT_TRUE(witnesses(history(), at).empty());
  const auto places = first_in_flight(history(), at);
  EXPECT_FALSE(holds_any(fd.get(), places));
  write(places.at(5).offset, 1);
  EXPECT_TRUE(holds_any(fd.get(), places));
}

TEST_F(WitnessTest, ACheckpointOfOtherStagesIsNone) {
  EXPECT_EQ(find_misfit(at, stages, plans), "");
  Checkpoint wrong = at;
  wrong.stage = 1;
  EXPECT_NE(find_misfit(wrong, stages, plans), "");
  wrong = at;
  wrong.cursors.push_back({});
  EXPECT_NE(find_misfit(wrong, stages, plans), "");
  wrong = at;
  wrong.series[0].stream = 3;
  EXPECT_NE(find_misfit(wrong, stages, plans), "");
}

TEST(ResumedLogs, WhatWasFoundAfterTheCheckpointIsCountedOnce) {
  Checkpoint from;
  from.streams.resize(1);
  from.streams[0].totals.ops[1].errors[0] = 1;
  StageSnapshot known;
  known.ops[1].errors = 2;
  ErrorEntry entry;
  entry.op = util::Op::write;
  entry.offset = 8192;
  entry.error = "EIO";
  entry.count = 2;
  known.errors.push_back(entry);
  ErrorLog errors;
  errors.resume(known, from);
  DeviceTotals late;
  errors.add_before_to(late);
  EXPECT_EQ(late.ops[1].error_count(), 1U);
  EXPECT_EQ(errors.add(entry), 2U) << "the same once more";
  late = {};
  errors.add_before_to(late);
  EXPECT_EQ(late.ops[1].error_count(), 0U) << "the worker counts it now";
  EXPECT_EQ(errors.add(entry), 3U) << "another time";
}

TEST(ResumedLogs, AMiscompareIsNotForgottenAndNotCountedTwice) {
  constexpr auto kKind = static_cast<std::size_t>(verify::Kind::bitflip);
  VerifySnapshot known;
  known.mismatches[kKind] = 1;
  known.mismatched_bytes = 4096;
  Miscompare one;
  one.damage.kind = verify::Kind::bitflip;
  one.damage.offset = 4096;
  one.damage.length = 4096;
  known.miscompares.push_back(one);
  Checkpoint from;
  from.streams.resize(1);
  DamageBudget budget;
  DamageLog log(budget);
  log.resume(known, from);
  VerifyTotals late;
  log.add_before_to(late);
  EXPECT_EQ(late.mismatches[kKind], 1U);
  EXPECT_FALSE(log.add(one)) << "it is no first of its kind";
  late = {};
  log.add_before_to(late);
  EXPECT_EQ(late.mismatch_count(), 0U);
  EXPECT_EQ(late.mismatched_bytes, 0U);
  VerifySnapshot shown;
  log.copy_to(shown);
  EXPECT_EQ(shown.miscompares.size(), 1U);
}

TEST(IdleRunTest, WaitsUntilItIsStoppedOrEnded) {
  DeviceSnapshot shown;
  shown.facts.name = "sda";
  IdleRun waits(shown);
  EXPECT_TRUE(waits.waits());
  EXPECT_EQ(waits.state_in(State::running), State::queued);
  waits.set_reason("no room");
  EXPECT_EQ(waits.snapshot(0, State::queued, Detail::all).reason, "no room");
  waits.request_stop();
  EXPECT_TRUE(waits.finished());
  EXPECT_EQ(waits.outcome(State::cancelled), State::cancelled);
  IdleRun done(shown, State::failed);
  EXPECT_TRUE(done.finished());
  EXPECT_TRUE(done.failed());
  EXPECT_EQ(done.state_in(State::running), State::failed);
}

}  // namespace
}  // namespace spliced::run
