// SPDX-License-Identifier: Apache-2.0
#include "spliced/job/totals.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace spliced::job {
namespace {

TEST(ClassifyErrno, KnowsTheClasses) {
  for (const int error : {EIO, ENODATA, EREMOTEIO, EILSEQ, EBADMSG}) EXPECT_EQ(classify_errno(error), ErrorClass::io);
  for (const int error : {ENOSPC, EDQUOT, EFBIG}) EXPECT_EQ(classify_errno(error), ErrorClass::no_space);
  for (const int error : {ETIMEDOUT, ETIME, EAGAIN}) EXPECT_EQ(classify_errno(error), ErrorClass::timeout);
  for (const int error : {ENXIO, ENODEV, ENOMEDIUM}) EXPECT_EQ(classify_errno(error), ErrorClass::removed);
  for (const int error : {EOPNOTSUPP, ENOSYS}) EXPECT_EQ(classify_errno(error), ErrorClass::unsupported);
  EXPECT_EQ(classify_errno(EINVAL), ErrorClass::invalid);
  for (const int error : {0, EPERM, ENOMEM, 4711, -1}) EXPECT_EQ(classify_errno(error), ErrorClass::other);
}

TEST(OpTotals, CountsErrorsOfAllClasses) {
  OpTotals totals;
  EXPECT_EQ(totals.error_count(), 0U);
  for (std::size_t i = 0; i < kErrorClasses; ++i) totals.errors[i] = i + 1;
  EXPECT_EQ(totals.error_count(), 36U);
}

DeviceTotals sample(std::uint64_t n) {
  DeviceTotals totals;
  for (auto& op : totals.ops) {
    op.bytes = n;
    op.operations = 2 * n;
    op.errors.fill(n);
    op.latency.add(10, n);
    op.latency.add_sums(10 * n, 10);
  }
  for (auto& row : totals.engine.fallbacks) row.fill(n);
  totals.engine.retries.fill(n);
  totals.engine.short_transfers.fill(n);
  totals.engine.pipe_resets = n;
  return totals;
}

TEST(DeviceTotals, MergeAddsEveryNumber) {
  DeviceTotals totals = sample(1);
  totals.merge(sample(4));
  for (const auto& op : totals.ops) {
    EXPECT_EQ(op.bytes, 5U);
    EXPECT_EQ(op.operations, 10U);
    for (const auto errors : op.errors) EXPECT_EQ(errors, 5U);
    EXPECT_EQ(op.latency.count(), 5U);
    EXPECT_DOUBLE_EQ(op.latency.sum_seconds(), 50e-9);
  }
  for (const auto& row : totals.engine.fallbacks) {
    for (const auto events : row) EXPECT_EQ(events, 5U);
  }
  for (const auto retries : totals.engine.retries) EXPECT_EQ(retries, 5U);
  for (const auto transfers : totals.engine.short_transfers) EXPECT_EQ(transfers, 5U);
  EXPECT_EQ(totals.engine.pipe_resets, 5U);
}

TEST(DeviceTotals, MergingNothingChangesNothing) {
  DeviceTotals totals = sample(3);
  totals.merge({});
  EXPECT_EQ(totals.ops[0].bytes, 3U);
  EXPECT_EQ(totals.ops[0].latency.count(), 3U);
}

TEST(EngineTotals, AddTakesLiveCounters) {
  engine::EngineCounters live;
  live.fallbacks[1][2].add(3);
  live.retries[0].add(4);
  live.short_transfers[1].add(5);
  live.pipe_resets.add(6);
  EngineTotals totals;
  totals.add(live);
  totals.add(live);
  EXPECT_EQ(totals.fallbacks[1][2], 6U);
  EXPECT_EQ(totals.fallbacks[0][0], 0U);
  EXPECT_EQ(totals.retries[0], 8U);
  EXPECT_EQ(totals.short_transfers[1], 10U);
  EXPECT_EQ(totals.pipe_resets, 12U);
}

}  // namespace
}  // namespace spliced::job
