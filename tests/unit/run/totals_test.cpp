// SPDX-License-Identifier: Apache-2.0
#include "spliced/run/totals.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace spliced::run {
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
  for (auto& events : totals.engine.events) events.fill(n);
  totals.engine.ran[1] = n > 1;
  totals.cpu_wait = n;
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
  for (const auto& events : totals.engine.events) {
    for (const auto event : events) EXPECT_EQ(event, 5U);
  }
  EXPECT_FALSE(totals.engine.ran[0]);
  EXPECT_TRUE(totals.engine.ran[1]);
  EXPECT_EQ(totals.cpu_wait, 5U);
}

TEST(DeviceTotals, MergingNothingChangesNothing) {
  DeviceTotals totals = sample(3);
  totals.merge({});
  EXPECT_EQ(totals.ops[0].bytes, 3U);
  EXPECT_EQ(totals.ops[0].latency.count(), 3U);
}

// Counts, and tells of itself, what it is told to.
struct CountingEngine final : engine::Engine {
  explicit CountingEngine(std::uint64_t n) : number(n) {}
  [[nodiscard]] engine::Traits traits() const override { return {}; }
  std::size_t submit(std::span<engine::IoSlot* const>) override { return 0; }
  std::size_t reap(std::span<engine::IoSlot*>, std::size_t, util::Nanos) override { return 0; }
  std::size_t withdraw(std::span<engine::IoSlot*>) override { return 0; }
  void use(engine::Direction, const engine::Setting&) override {}
  void release() override {}
  [[nodiscard]] engine::InFlight in_flight() const override { return {}; }
  void add_events(std::span<std::uint64_t> sums) const override {
    sums[0] += number;
    sums[2] += 2 * number;
  }
  void read(std::span<std::uint64_t> values) const override { values[1] = number; }
  std::uint64_t number;
};

TEST(EngineTotals, AddUpWhatEachEngineOfAKindCounted) {
  EngineTotals totals;
  totals.add(1, CountingEngine(3));
  totals.add(1, CountingEngine(4));
  EXPECT_EQ(totals.events[1][0], 7U);
  EXPECT_EQ(totals.events[1][1], 0U);
  EXPECT_EQ(totals.events[1][2], 14U);
  EXPECT_EQ(totals.events[0][0], 0U);
  EXPECT_TRUE(totals.ran[1]);
  EXPECT_FALSE(totals.ran[0]);
}

TEST(EngineState, IsTheLargestThatAnEngineTells) {
  EngineState state;
  for (const std::uint64_t n : {3U, 5U, 4U}) state.add(CountingEngine(n));
  EXPECT_EQ(state.values[1], 5U);
  EXPECT_EQ(state.values[0], 0U);
}

}  // namespace
}  // namespace spliced::run
