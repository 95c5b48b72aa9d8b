// SPDX-License-Identifier: Apache-2.0
#include "run/op_recorder.h"

#include <fcntl.h>

#include <cerrno>

#include "unit/job/service_fixture.h"

namespace spliced::run {
namespace {

using engine::IoSlot;
using engine::Outcome;

struct ClassifyFailure : ::testing::Test {
  [[nodiscard]] ErrorClass classify(Outcome outcome, int error, std::uint64_t offset,
                                    util::Op op = util::Op::read) const {
    IoSlot transfer;
    transfer.op = op;
    transfer.outcome = outcome;
    transfer.error = error;
    transfer.offset = offset;
    transfer.length = 4096;
    return classify_failure(transfer, fd.get());
  }
  testing::TempDir dir;
  util::UniqueFd fd{::open(dir.file("target", 8192).c_str(), O_RDONLY | O_CLOEXEC)};
};

TEST_F(ClassifyFailure, GoesByTheErrnoInsideTheTarget) {
  EXPECT_EQ(classify(Outcome::failed, EIO, 4096), ErrorClass::io);
  EXPECT_EQ(classify(Outcome::failed, ENOSPC, 4096), ErrorClass::no_space);
  EXPECT_EQ(classify(Outcome::failed, ETIMEDOUT, 0), ErrorClass::timeout);
  EXPECT_EQ(classify(Outcome::failed, EINVAL, 4096, util::Op::trim), ErrorClass::invalid);
}

TEST_F(ClassifyFailure, WhatTheHostRefusedIsTheHosts) {
  EXPECT_EQ(classify(Outcome::host_failed, EMFILE, 0), ErrorClass::host);
  EXPECT_EQ(classify(Outcome::host_failed, EPERM, 0), ErrorClass::host);
  EXPECT_EQ(classify(Outcome::host_failed, ENOMEM, 8192), ErrorClass::host);
  EXPECT_EQ(classify(Outcome::unsupported, EINVAL, 0), ErrorClass::host);
  EXPECT_EQ(classify(Outcome::path_refused, EPERM, 0), ErrorClass::host);
}

TEST_F(ClassifyFailure, ATargetThatEndedOrShrankIsGone) {
  EXPECT_EQ(classify(Outcome::end_of_target, 0, 0), ErrorClass::removed);
  EXPECT_EQ(classify(Outcome::failed, EIO, 4097), ErrorClass::removed);
  EXPECT_EQ(classify(Outcome::failed, ENOSPC, 8192), ErrorClass::removed);
  EXPECT_EQ(classify(Outcome::failed, ENXIO, 0), ErrorClass::removed);
  EXPECT_EQ(classify(Outcome::failed, EINVAL, 8192, util::Op::trim), ErrorClass::removed);
}

TEST_F(ClassifyFailure, OtherErrorsPastTheEndKeepTheirClass) {
  EXPECT_EQ(classify(Outcome::failed, ETIMEDOUT, 8192), ErrorClass::timeout);
  EXPECT_EQ(classify(Outcome::failed, EINVAL, 8192), ErrorClass::invalid);
}

}  // namespace
}  // namespace spliced::run
