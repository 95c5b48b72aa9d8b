// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/statvfs.h>

#include "unit/job/service_fixture.h"

namespace spliced::plan {
namespace {

using testing::contains;
using testing::io;
using testing::reading;
using testing::writing;
using util::Errc;

struct MakePlan : testing::ServiceFixture {
  util::Error refusal(const JobSpec& spec) {
    auto plan = make_plan(admission, spec, "job-1");
    EXPECT_FALSE(plan);
    return plan ? util::Error{} : plan.error();
  }
  std::string first = dir.file("first", 8192);
  std::string second = dir.file("second", 4096);
};

TEST_F(MakePlan, OpensEveryTarget) {
  auto plan = make_plan(admission, reading({first, second}), "job-1");
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->devices.size(), 2U);
  EXPECT_EQ(plan->devices[0].stages.at(0).range().size, 8192U);
  EXPECT_EQ(plan->devices[1].stages.at(0).range().size, 4096U);
  EXPECT_TRUE(plan->devices[1].target.open);
  EXPECT_EQ(admission.job_holding(plan->devices[0].target.facts.id, plan->devices[0].target.facts.id), "job-1");
}

TEST_F(MakePlan, ASpecThatIsWrongTouchesNothing) {
  JobSpec spec = writing({dir / "new"});
  spec.destructive = false;
  io(spec).workload.size = {false, 4096, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.at(0).pointer, "destructive");
  EXPECT_FALSE(dir.has("new"));
}

TEST_F(MakePlan, OneRefusedTargetRefusesAll) {
  JobSpec spec = writing({dir / "new", first, "/outside", dir.directory("sub")});
  io(spec).workload.size = {false, 4096, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.code, Errc::conflict);
  ASSERT_GE(error.details.size(), 2U);
  EXPECT_EQ(error.details.front().pointer, "targets/2");
  EXPECT_EQ(error.details.back().pointer, "targets/3");
  EXPECT_FALSE(dir.has("new"));
  EXPECT_TRUE(make_plan(admission, reading({first}), "job-2"));
}

TEST_F(MakePlan, ARangeThatDoesNotFitRefusesAll) {
  JobSpec spec = writing({dir / "new", second});
  io(spec).workload.size = {false, 8192, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.at(0).pointer, "stages/0/streams/0/workload/size");
  EXPECT_FALSE(dir.has("new"));
  EXPECT_TRUE(make_plan(admission, reading({second}), "job-2"));
}

TEST_F(MakePlan, ACreatedFileHoldsOffsetAndSizeAndStaysWhenItIsKept) {
  JobSpec spec = writing({dir / "new"});
  io(spec).workload.offset = {false, 4096, 0};
  io(spec).workload.size = {false, 8192, 0};
  {
    auto plan = make_plan(admission, spec, "job-1");
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->devices[0].target.facts.size, 12288U);
    EXPECT_EQ(plan->devices[0].stages.at(0).range().offset, 4096U);
  }
  EXPECT_FALSE(dir.has("new"));
  {
    auto plan = make_plan(admission, spec, "job-2");
    ASSERT_TRUE(plan);
    plan->devices[0].target.open->keep();
  }
  EXPECT_TRUE(dir.has("new"));
}

TEST_F(MakePlan, AShareOfAFileThatDoesNotExistIsInvalid) {
  const util::Error error = refusal(writing({dir / "new"}));
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.at(0).pointer, "targets/0");
  EXPECT_FALSE(dir.has("new"));
}

TEST_F(MakePlan, OneFileUnderTwoNamesIsRefused) {
  const util::Error error = refusal(reading({first, dir.link("again", first)}));
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.at(0).pointer, "targets/1");
  EXPECT_TRUE(contains(error.details[0].detail, "another target of this job")) << error.details[0].detail;
  EXPECT_TRUE(make_plan(admission, reading({first}), "job-2"));
}

TEST_F(MakePlan, ANewFileUnderTwoNamesIsRefused) {
  const std::string sub = dir.directory("sub");
  JobSpec spec = writing({sub + "/new", dir.link("again", sub) + "/new"});
  io(spec).workload.size = {false, 4096, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_EQ(error.details.at(0).pointer, "targets/1");
  EXPECT_FALSE(dir.has("sub/new"));
  EXPECT_FALSE(report_plan(admission, spec).accepted());
}

// A name in the directory would be seen by others, and its blocks missed by them, for however short a time.
TEST_F(MakePlan, NothingIsCreatedWhileATargetMayBeRefused) {
  const util::UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ASSERT_GE(::inotify_add_watch(watch.get(), dir.path().c_str(), IN_CREATE), 0);
  for (const std::string& bad : {std::string("/outside"), dir / "nowhere/new"}) {
    JobSpec spec = writing({dir / "new", bad});
    io(spec).workload.size = {false, 4096, 0};
    (void)refusal(spec);
  }
  alignas(inotify_event) char event[512];
  EXPECT_EQ(::read(watch.get(), event, sizeof event), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(MakePlan, AFileThatDoesNotFitOnItsFileSystemIsRefusedAndToldBefore) {
  struct statvfs fs {};
  ASSERT_EQ(::statvfs(dir.path().c_str(), &fs), 0);
  if (fs.f_blocks == 0) GTEST_SKIP() << "the file system does not tell its size";
  JobSpec spec = writing({dir / "new"});
  io(spec).workload.size = {false, (fs.f_blocks + 1) * fs.f_frsize / 4096 * 4096, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_TRUE(contains(error.message, "are free on its file system")) << error.message;
  EXPECT_FALSE(report_plan(admission, spec).accepted());
}

TEST_F(MakePlan, FilesThatDoNotFitTogetherAreRefused) {
  struct statvfs fs {};
  ASSERT_EQ(::statvfs(dir.path().c_str(), &fs), 0);
  if (fs.f_blocks == 0) GTEST_SKIP() << "the file system does not tell its size";
  JobSpec spec = writing({dir / "one", dir / "two"});
  io(spec).workload.size = {false, fs.f_bavail * fs.f_frsize / 5 * 3 / 4096 * 4096, 0};
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.details.at(0).pointer, "targets/1");
  EXPECT_TRUE(contains(error.message, "other targets of this job")) << error.message;
  EXPECT_FALSE(dir.has("one"));
  const PlanReport report = report_plan(admission, spec);
  EXPECT_TRUE(report.targets.at(0).refusals.empty());
  EXPECT_FALSE(report.targets.at(1).refusals.empty());
}

using ReportPlan = MakePlan;

TEST_F(ReportPlan, SaysWhatWouldHappenAndTouchesNothing) {
  JobSpec spec = writing({dir / "new", first});
  io(spec).workload.size = {false, 4096, 0};
  io(spec).workload.rate = 1024;
  io(spec).workload.loops = 2;
  const PlanReport report = report_plan(admission, spec);
  EXPECT_TRUE(report.accepted());
  ASSERT_EQ(report.targets.size(), 2U);
  EXPECT_FALSE(report.targets[0].facts.exists);
  EXPECT_EQ(report.targets[0].facts.size, 4096U);
  EXPECT_EQ(report.targets[1].stages.at(0).range.size, 4096U);
  EXPECT_DOUBLE_EQ(report.targets[1].stages.at(0).estimated_seconds.value(), 8.0);
  EXPECT_FALSE(dir.has("new"));
  EXPECT_TRUE(make_plan(admission, reading({first}), "job-2"));
}

TEST_F(ReportPlan, EstimatesTheSlowestLimit) {
  JobSpec spec = reading({first});
  const auto stage = [&] { return report_plan(admission, spec).targets.at(0).stages.at(0); };
  EXPECT_LT(stage().estimated_seconds.value(), 1);
  EXPECT_TRUE(stage().estimate_is_rough);
  io(spec).workload.runtime = 3600 * util::kSecond;
  EXPECT_LT(stage().estimated_seconds.value(), 1) << "a limit is no estimate";
  io(spec).workload.rate = 8192;
  io(spec).workload.rate_iops = 1;
  EXPECT_DOUBLE_EQ(stage().estimated_seconds.value(), 2.0);
  io(spec).workload.runtime = util::kSecond;
  EXPECT_DOUBLE_EQ(stage().estimated_seconds.value(), 1.0);
  io(spec).workload.time_based = true;
  io(spec).workload.runtime = 30 * util::kSecond;
  EXPECT_DOUBLE_EQ(stage().estimated_seconds.value(), 30.0);
  EXPECT_FALSE(stage().estimate_is_rough);
}

TEST_F(ReportPlan, GivesEachTargetItsOwnAnswer) {
  JobSpec spec = reading({first, "/outside", second, dir.link("again", first)});
  io(spec).workload.size = {false, 8192, 0};
  const PlanReport report = report_plan(admission, spec);
  EXPECT_FALSE(report.accepted());
  ASSERT_EQ(report.targets.size(), 4U);
  EXPECT_TRUE(report.targets[0].refusals.empty());
  EXPECT_FALSE(report.targets[1].refusals.empty());
  EXPECT_EQ(report.targets[2].errors.at(0).pointer, "stages/0/streams/0/workload/size");
  EXPECT_TRUE(contains(report.targets[3].refusals.at(0).text, "another target of this job"));
}

TEST_F(ReportPlan, AFileThatAnotherHoldsIsRefusedAsByTheJobItself) {
  const util::UniqueFd other(::open(first.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), 0);
  const JobSpec spec = writing({first});
  const PlanReport report = report_plan(admission, spec);
  ASSERT_EQ(report.targets.at(0).refusals.size(), 1U);
  const util::Error error = refusal(spec);
  EXPECT_EQ(error.details.at(0).detail, first + " " + report.targets[0].refusals[0].text);
  EXPECT_EQ(error.details[0].reason, report.targets[0].refusals[0].reason);
  EXPECT_EQ(error.details[0].reason, util::Reason::busy);
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(report_plan(admission, spec).accepted());
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "the look left a lock";
}

TEST_F(ReportPlan, OneNewFileUnderTwoNamesOfItsDirectoryIsOne) {
  JobSpec spec = writing({dir / "new", dir.link("other", dir.path()) + "/new"});
  io(spec).workload.size = {false, 4096, 0};
  EXPECT_EQ(refusal(spec).details.at(0).reason, util::Reason::named_twice);
  EXPECT_EQ(report_plan(admission, spec).targets.at(1).refusals.at(0).reason, util::Reason::named_twice);
}

TEST_F(ReportPlan, ACpuThatTheDaemonMayNotUseIsRefusedByName) {
  const util::CpuList here = util::allowed_cpus();
  JobSpec spec = reading({first});
  io(spec).workload.cpus_allowed = here;
  EXPECT_TRUE(report_plan(admission, spec).accepted());
  if (here.back() == util::kMaxCpus - 1) return;
  io(spec).workload.cpus_allowed.push_back(util::kMaxCpus - 1);
  const PlanReport report = report_plan(admission, spec);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(report.errors[0].pointer, "stages/0/streams/0/workload/cpus_allowed");
  EXPECT_TRUE(contains(report.errors[0].detail, "names 1023"));
  EXPECT_TRUE(contains(report.errors[0].detail, "it may on " + util::format_cpu_list(here)));
  EXPECT_EQ(refusal(spec).details.at(0).detail, report.errors[0].detail);
}

TEST_F(ReportPlan, ASpecThatIsWrongIsReportedAsAWhole) {
  const PlanReport report = report_plan(admission, JobSpec{});
  EXPECT_FALSE(report.accepted());
  EXPECT_TRUE(report.targets.empty());
  EXPECT_EQ(report.errors.at(0).pointer, "targets");
}

}  // namespace
}  // namespace spliced::plan
