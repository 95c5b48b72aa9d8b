// SPDX-License-Identifier: Apache-2.0
#include "run/error_log.h"

#include <gtest/gtest.h>

#include <thread>

namespace spliced::run {
namespace {

ErrorEntry entry(std::uint64_t offset, std::string error = "EIO", util::Op op = util::Op::read) {
  ErrorEntry out;
  out.op = op;
  out.offset = offset;
  out.length = 4096;
  out.error = std::move(error);
  out.message = "message";
  return out;
}
struct Copy {
  std::vector<ErrorEntry> errors;
  std::uint64_t errors_omitted = 0;
};
Copy copy_of(const ErrorLog& log) {
  Copy out;
  log.copy_to(out.errors, out.errors_omitted);
  return out;
}

TEST(ErrorLog, IsEmptyAtFirst) {
  const ErrorLog log;
  EXPECT_TRUE(copy_of(log).errors.empty());
  EXPECT_EQ(copy_of(log).errors_omitted, 0U);
}

TEST(ErrorLog, CountsTheSameErrorInOneEntry) {
  ErrorLog log;
  EXPECT_EQ(log.add(entry(0)), 1U);
  EXPECT_EQ(log.add(entry(0)), 2U);
  EXPECT_EQ(log.add(entry(0)), 3U);
  const auto out = copy_of(log);
  ASSERT_EQ(out.errors.size(), 1U);
  EXPECT_EQ(out.errors[0].count, 3U);
  EXPECT_EQ(out.errors[0].message, "message");
}

TEST(ErrorLog, OffsetErrnoAndOperationTellErrorsApart) {
  ErrorLog log;
  log.add(entry(0));
  log.add(entry(4096));
  log.add(entry(0, "ENOSPC"));
  EXPECT_EQ(log.add(entry(0, "EIO", util::Op::write)), 4U);
  const auto out = copy_of(log);
  ASSERT_EQ(out.errors.size(), 4U);
  for (const auto& error : out.errors) EXPECT_EQ(error.count, 1U);
}

TEST(ErrorLog, KeepsABoundedNumberInOrder) {
  ErrorLog log;
  for (std::size_t i = 0; i < ErrorLog::kMaxEntries; ++i) log.add(entry(i));
  EXPECT_EQ(copy_of(log).errors_omitted, 0U);
  EXPECT_EQ(log.add(entry(ErrorLog::kMaxEntries)), ErrorLog::kMaxEntries + 1);
  EXPECT_EQ(log.add(entry(0)), ErrorLog::kMaxEntries + 2);
  const auto out = copy_of(log);
  ASSERT_EQ(out.errors.size(), ErrorLog::kMaxEntries);
  EXPECT_EQ(out.errors_omitted, 1U);
  EXPECT_EQ(out.errors.front().count, 2U);
  EXPECT_EQ(out.errors.back().offset, ErrorLog::kMaxEntries - 1);
}

TEST(ErrorLog, CountsFromManyThreads) {
  ErrorLog log;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) log.add(entry(0));
      });
    }
  }
  EXPECT_EQ(copy_of(log).errors.at(0).count, 4000U);
}

}  // namespace
}  // namespace spliced::run
