// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace spliced::util {
namespace {

TEST(ErrnoName, IsTheSymbol) {
  EXPECT_EQ(errno_name(EIO), "EIO");
  EXPECT_EQ(errno_name(EINTR), "EINTR");
  EXPECT_EQ(errno_name(EINVAL), "EINVAL");
  EXPECT_EQ(errno_name(ENOSPC), "ENOSPC");
  EXPECT_EQ(errno_name(EREMOTEIO), "EREMOTEIO");
  EXPECT_EQ(errno_name(ENODATA), "ENODATA");
  EXPECT_EQ(errno_name(EILSEQ), "EILSEQ");
  EXPECT_EQ(errno_name(ENOMEDIUM), "ENOMEDIUM");
}

TEST(ErrnoName, KnowsEveryNumberThatHasAText) {
  for (int err = 1; err <= EHWPOISON; ++err) {
    if (err == 41 || err == 58) continue;  // unused on Linux
    EXPECT_EQ(errno_name(err).front(), 'E') << err;
    EXPECT_NE(errno_text(err), "error " + std::to_string(err));
  }
}

TEST(Reasons, HaveOneNameEach) {
  const std::set<std::string_view> names(kReasonNames.begin(), kReasonNames.end());
  EXPECT_EQ(names.size(), kReasonNames.size());
  EXPECT_EQ(reason_name(Reason::key_reused), kReasonNames.back());
  EXPECT_EQ(reason_name(Reason::signature), "signature");
  EXPECT_EQ(reason_name(Reason::cannot_open), "cannot-open");
}

TEST(ReasonOf, IsWhatTheDetailsAgreeOn) {
  const auto error = [](std::vector<FieldError> details) { return Error{Errc::invalid, "", 0, std::move(details)}; };
  EXPECT_EQ(reason_of(error({{"", "", Reason::hung}, {"", "", Reason::hung}})), Reason::hung);
  EXPECT_EQ(reason_of(error({{"", "", Reason::hung}, {"", "", Reason::swap}})), Reason::several);
  EXPECT_EQ(reason_of(error({})), Reason::invalid);
  EXPECT_EQ(reason_of(fail(Errc::exhausted, "").value()), Reason::limit);
  EXPECT_EQ(reason_of(refuse(Reason::mounted, "").value()), Reason::mounted);
}

TEST(CodeOf, WhatIsUnsafeComesBeforeWhatIsLacking) {
  EXPECT_EQ(code_of({{"", "", Reason::limit}, {"", "", Reason::mounted}}), Errc::conflict);
  EXPECT_EQ(code_of({{"", "", Reason::not_aligned}, {"", "", Reason::limit}}), Errc::exhausted);
  EXPECT_EQ(code_of({{"", "", Reason::not_aligned}}), Errc::invalid);
}

TEST(ErrnoName, NumbersWithoutAName) {
  EXPECT_EQ(errno_name(4711), "errno 4711");
  EXPECT_EQ(errno_name(-1), "errno -1");
}

TEST(ErrnoText, IsThatOfStrerror) {
  EXPECT_EQ(errno_text(EIO), "Input/output error");
  EXPECT_EQ(errno_text(EBUSY), "Device or resource busy");
  EXPECT_EQ(errno_text(4711), "error 4711");
  EXPECT_EQ(errno_text(-1), "error -1");
}

TEST(Fail, CarriesCodeMessageAndErrno) {
  const Result<int> result = fail(Errc::conflict, "in use", EBUSY);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::conflict);
  EXPECT_EQ(result.error().message, "in use");
  EXPECT_EQ(result.error().sys_errno, EBUSY);
  EXPECT_TRUE(result.error().details.empty());
}

TEST(Fail, HasNoErrnoUnlessGiven) {
  const Status status = fail(Errc::invalid, "no");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().sys_errno, 0);
}

TEST(FailErrno, SaysWhatAndWhy) {
  const Status status = fail_errno("open disk", EACCES);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::system);
  EXPECT_EQ(status.error().message, "open disk: Permission denied");
  EXPECT_EQ(status.error().sys_errno, EACCES);
}

TEST(WithContext, GoesInFrontAndKeepsTheRest) {
  const Error inner{Errc::exhausted, "full", ENOSPC, {{"/targets/0", "too small"}}};
  const Error outer = with_context(with_context(inner, "claim"), "open {disk}");
  EXPECT_EQ(outer.message, "open {disk}: claim: full");
  EXPECT_EQ(outer.code, Errc::exhausted);
  EXPECT_EQ(outer.sys_errno, ENOSPC);
  ASSERT_EQ(outer.details.size(), 1U);
  EXPECT_EQ(outer.details[0].pointer, "/targets/0");
  EXPECT_EQ(outer.details[0].detail, "too small");
}

TEST(Error, IsInternalUntilSaidOtherwise) {
  const Error error;
  EXPECT_EQ(error.code, Errc::internal);
  EXPECT_EQ(error.sys_errno, 0);
}

}  // namespace
}  // namespace spliced::util
