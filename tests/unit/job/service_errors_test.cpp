// SPDX-License-Identifier: Apache-2.0
// What becomes of jobs whose disks fail.
#include <unistd.h>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::await;
using testing::contains;
using testing::io;
using testing::policy;
using testing::reading;
using testing::reads_of;
using testing::writing;

struct JobServiceErrors : testing::ServiceFixture {
  std::string bad = dir.file("bad", 40'960);
  std::string good = dir.file("good", 40'960);
  // Reads of `bad` at these blocks fail with `error`.
  void fail_blocks(std::vector<std::uint64_t> blocks, int error = EIO) {
    sys.on_read = [inode = inode_of(bad), blocks = std::move(blocks), error](ino_t at, std::uint64_t offset) {
      return at == inode && std::find(blocks.begin(), blocks.end(), offset / 4096) != blocks.end() ? error : 0;
    };
  }
};

TEST_F(JobServiceErrors, ErrorsUpToTheLimitAreLivedThrough) {
  start(faulty_engines());
  fail_blocks({1, 3, 5});
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 3;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "3 I/O errors, 0 allowed by criteria.max_io_errors");
  const DeviceSnapshot& device = job.devices.at(0);
  EXPECT_EQ(device.state, State::succeeded);
  EXPECT_EQ(device.verdict, Verdict::fail);
  EXPECT_EQ(device.reason, job.reason);
  EXPECT_EQ(device.criteria.at(0).measured, 3U);
  EXPECT_EQ(reads_of(device).operations, 7U);
  EXPECT_EQ(reads_of(device).bytes, 7U * 4096);
  EXPECT_EQ(reads_of(device).errors, 3U);
  ASSERT_EQ(device.errors.size(), 3U);
  EXPECT_EQ(device.errors[1].offset, 3U * 4096);
  EXPECT_EQ(device.errors[1].length, 4096U);
  EXPECT_EQ(device.errors[1].error, "EIO");
  EXPECT_EQ(device.errors[1].count, 1U);
  EXPECT_TRUE(contains(device.errors[1].message, "read of 4096 bytes at offset 12288: Input/output error"));
}

TEST_F(JobServiceErrors, ErrorsPassWhereTheJobAllowsThem) {
  start(faulty_engines());
  fail_blocks({1, 3, 5});
  JobSpec spec = reading({bad, good});
  policy(spec).max_errors = 3;
  spec.criteria.max_io_errors = 3;
  EXPECT_EQ(run(spec).verdict, Verdict::pass);
  spec.criteria.max_io_errors = 2;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_TRUE(contains(job.reason, "1 of 2 devices have the verdict FAIL; " + bad + ": 3 I/O errors")) << job.reason;
  EXPECT_EQ(job.devices.at(0).verdict, Verdict::fail);
  EXPECT_EQ(job.devices.at(1).verdict, Verdict::pass);
}

TEST_F(JobServiceErrors, OneMoreThanTheLimitFailsTheDevice) {
  start(faulty_engines());
  fail_blocks({1, 3, 5});
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 2;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.verdict, Verdict::fail);
  EXPECT_EQ(job.reason, "1 of 1 devices failed");
  const DeviceSnapshot& device = job.devices.at(0);
  EXPECT_EQ(device.state, State::failed);
  EXPECT_TRUE(contains(device.reason, "3 errors, 2 allowed")) << device.reason;
  EXPECT_EQ(reads_of(device).operations, 3U);
}

TEST_F(JobServiceErrors, ByDefaultTheFirstErrorFails) {
  start(faulty_engines());
  fail_blocks({0}, EREMOTEIO);
  const JobSnapshot job = run(reading({bad}));
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(reads_of(job.devices.at(0)).operations, 0U);
}

TEST_F(JobServiceErrors, TheOtherDevicesOfTheJobGoOn) {
  start(faulty_engines());
  sys.on_read = [this, inode = inode_of(bad)](ino_t at, std::uint64_t) {
    if (at == inode) return EIO;
    valve.pass();
    return 0;
  };
  const std::string id = submit(reading({bad, good}));
  ASSERT_TRUE(await([&] { return service->get(id)->devices.at(0).state == State::failed; }));
  EXPECT_EQ(state_of(id), State::running);
  EXPECT_EQ(service->get(id)->devices.at(1).state, State::running);
  valve.open();
  const JobSnapshot job = wait(id);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.reason, "1 of 2 devices failed");
  EXPECT_EQ(job.devices.at(1).state, State::succeeded);
  EXPECT_EQ(reads_of(job.devices[1]).bytes, 40'960U);
}

TEST_F(JobServiceErrors, AFailedDeviceIsFreeWhileItsJobGoesOn) {
  start(faulty_engines());
  std::atomic<bool> failing{true};
  sys.on_read = [&, inode = inode_of(bad)](ino_t at, std::uint64_t) {
    if (at == inode) return failing ? EIO : 0;
    valve.pass();
    return 0;
  };
  const std::string id = submit(reading({bad, good}));
  ASSERT_TRUE(await([&] { return service->get(id)->devices.at(0).state == State::failed; }));
  failing = false;
  EXPECT_EQ(run(reading({bad})).state, State::succeeded);
  EXPECT_EQ(state_of(id), State::running);
}

// The first job has not ended, so what it did on the device that is free again is not settled yet.
TEST_F(JobServiceErrors, TheCountersOfADeviceNeverGoDown) {
  start(faulty_engines());
  sys.on_read = [this, inode = inode_of(good)](ino_t at, std::uint64_t) {
    if (at == inode) valve.pass();
    return 0;
  };
  const auto operations = [&] { return service->telemetry().devices.at(0).totals.ops[0].operations; };
  const std::string id = submit(reading({bad, good}));
  ASSERT_TRUE(await([&] { return service->get(id)->devices.at(0).state == State::succeeded; }));
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(run(reading({bad})).state, State::succeeded);
  EXPECT_EQ(operations(), 20U);
  valve.open();
  (void)wait(id);
  EXPECT_EQ(operations(), 20U);
}

TEST_F(JobServiceErrors, ATargetThatCannotSpliceFailsAtOnce) {
  start(faulty_engines());
  fail_blocks({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, EINVAL);
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 1000;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_TRUE(contains(job.devices.at(0).reason, "splice_unsupported")) << job.devices[0].reason;
  EXPECT_EQ(reads_of(job.devices[0]).errors, 1U);
}

TEST_F(JobServiceErrors, APinnedReadPathThatIsRefusedFailsAtOnce) {
  start(faulty_engines());
  sys.vmsplice_error = EPERM;
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 1000;
  std::get<engine::SpliceOptions>(io(spec).engine).read_path = engine::ReadPath::copy;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_TRUE(contains(job.devices.at(0).reason, "read path that the job pinned")) << job.devices[0].reason;
  EXPECT_EQ(reads_of(job.devices[0]).errors, 1U);
}

TEST_F(JobServiceErrors, AReadPathThatIsNotPinnedFallsBack) {
  start(faulty_engines());
  sys.vmsplice_error = EPERM;
  const JobSnapshot job = run(reading({bad}));
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(job.devices.at(0).engine_state.values[0], static_cast<std::uint64_t>(engine::ReadPath::read));
  EXPECT_EQ(reads_of(job.devices[0]).bytes, 40'960U);
}

TEST_F(JobServiceErrors, ATargetThatShrinksIsGone) {
  start(faulty_engines());
  sys.on_read = [this](ino_t, std::uint64_t offset) {
    return offset == 8192 && ::truncate(bad.c_str(), 4096) != 0 ? errno : 0;
  };
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 1000;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_TRUE(contains(job.devices.at(0).reason, "the device went away or shrank")) << job.devices[0].reason;
  EXPECT_EQ(job.devices[0].errors.at(0).error, "EOF");
  const auto errors = service->telemetry().devices.at(0).totals.ops[0].errors;
  EXPECT_EQ(errors[static_cast<std::size_t>(run::ErrorClass::removed)], 1U);
}

TEST_F(JobServiceErrors, AMediumErrorIsTriedABoundedNumberOfTimes) {
  start(faulty_engines());
  fail_blocks({2}, ENODATA);
  JobSpec spec = reading({bad});
  policy(spec).max_errors = 1;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::succeeded) << job.reason;
  EXPECT_EQ(job.devices.at(0).errors.at(0).error, "ENODATA");
  EXPECT_EQ(sys.waits, 3);
  const auto errors = service->telemetry().devices.at(0).totals.ops[0].errors;
  EXPECT_EQ(errors[static_cast<std::size_t>(run::ErrorClass::io)], 1U);
}

TEST_F(JobServiceErrors, AFailedSyncIsAnError) {
  start(faulty_engines());
  sys.on_sync = [] { return EIO; };
  JobSpec spec = writing({bad});
  io(spec).workload.end_fsync = true;
  const JobSnapshot job = run(spec);
  EXPECT_EQ(job.state, State::failed);
  EXPECT_EQ(job.devices.at(0).criteria.at(0).measured, 1U);
  EXPECT_EQ(job.devices.at(0).ops[3].errors, 1U);
  EXPECT_EQ(job.devices[0].errors.at(0).op, util::Op::fsync);
}

TEST_F(JobServiceErrors, ErrorsOfAllWorkersCountTogether) {
  start(faulty_engines());
  fail_blocks({0, 9});
  JobSpec spec = reading({bad});
  io(spec).workload.workers = 2;
  policy(spec).max_errors = 1;
  EXPECT_EQ(run(spec).state, State::failed);
  policy(spec).max_errors = 2;
  EXPECT_EQ(run(spec).state, State::succeeded);
}

}  // namespace
}  // namespace spliced::job
