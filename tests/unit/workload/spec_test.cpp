// SPDX-License-Identifier: Apache-2.0
#include "spliced/workload/spec.h"

#include <gtest/gtest.h>

namespace spliced::workload {
namespace {

struct Row {
  Mode mode;
  std::string_view name;
  bool random, mixed, trim, reads, writes;
};

constexpr Row kRows[] = {
    {Mode::read, "read", false, false, false, true, false},
    {Mode::write, "write", false, false, false, false, true},
    {Mode::randread, "randread", true, false, false, true, false},
    {Mode::randwrite, "randwrite", true, false, false, false, true},
    {Mode::rw, "rw", false, true, false, true, true},
    {Mode::randrw, "randrw", true, true, false, true, true},
    {Mode::trim, "trim", false, false, true, false, false},
    {Mode::randtrim, "randtrim", true, false, true, false, false},
};

TEST(Mode, HasItsNameAndNature) {
  ASSERT_EQ(std::size(kRows), kModeNames.size());
  for (const Row& row : kRows) {
    EXPECT_EQ(kModeNames[static_cast<std::size_t>(row.mode)], row.name);
    EXPECT_EQ(is_random(row.mode), row.random) << row.name;
    EXPECT_EQ(is_mixed(row.mode), row.mixed) << row.name;
    EXPECT_EQ(is_trim(row.mode), row.trim) << row.name;
    EXPECT_EQ(reads(row.mode), row.reads) << row.name;
    EXPECT_EQ(writes(row.mode), row.writes) << row.name;
    EXPECT_EQ(destroys(row.mode), row.writes || row.trim) << row.name;
  }
}

TEST(WorkloadSpec, ReadsTheWholeTargetOnceUnlessAsked) {
  const WorkloadSpec spec;
  EXPECT_FALSE(destroys(spec.rw));
  EXPECT_EQ(spec.loops, 1U);
  EXPECT_EQ(spec.workers, 1U);
  EXPECT_TRUE(spec.size.relative);
  EXPECT_EQ(spec.size.percent, 100);
  EXPECT_EQ(spec.offset.bytes, 0U);
  EXPECT_EQ(spec.rate, 0U);
  EXPECT_EQ(spec.rate_iops, 0U);
}

TEST(Distribution, NamesFollowTheEnum) {
  EXPECT_EQ(kDistributionNames[static_cast<std::size_t>(Distribution::Kind::uniform)], "uniform");
  EXPECT_EQ(kDistributionNames[static_cast<std::size_t>(Distribution::Kind::zipf)], "zipf");
  EXPECT_EQ(kDistributionNames[static_cast<std::size_t>(Distribution::Kind::pareto)], "pareto");
  EXPECT_EQ(kDistributionNames[static_cast<std::size_t>(Distribution::Kind::normal)], "normal");
}

}  // namespace
}  // namespace spliced::workload
