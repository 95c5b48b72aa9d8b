// SPDX-License-Identifier: Apache-2.0
#include "plan/estimate.h"

#include <gtest/gtest.h>

namespace spliced::plan {
namespace {

constexpr std::uint64_t kTB = 1'000'000'000'000;

// Of one pass over 20 TB.
double hours(const char* transport, bool rotational, workload::Mode rw, std::uint64_t bs, unsigned workers = 1) {
  device::TargetFacts facts;
  facts.block_device = true;
  facts.size = 20 * kTB;
  facts.info.transport = transport;
  facts.info.rotational = rotational;
  run::StageSpec stage;
  workload::WorkloadSpec& w = std::get<run::StreamsSpec>(stage.what).streams.front().io.workload;
  w.rw = rw;
  w.bs = bs;
  w.workers = workers;
  run::StagePlan plan;
  plan.streams.emplace_back().range = {0, facts.size / bs * bs, bs};
  const auto estimate = estimate_stage(stage, plan, facts);
  EXPECT_TRUE(estimate && estimate->is_rough);
  return estimate->seconds / 3600;
}

// A pass over a hard disk of 20 TB takes some 30 hours (its data sheet), in random blocks of 1 MiB twice that, of 4 KiB
// more than a year.
TEST(Estimate, IsThatOfDevicesOfTheKind) {
  using workload::Mode;
  EXPECT_NEAR(30, hours("sata", true, Mode::write, 1 << 20), 5);
  EXPECT_NEAR(75, hours("scsi", true, Mode::randread, 1 << 20), 15);
  EXPECT_GT(hours("sata", true, Mode::randread, 4096), 8'760);
  EXPECT_NEAR(11, hours("sata", false, Mode::read, 1 << 20), 2);
  EXPECT_LT(hours("nvme", false, Mode::read, 1 << 20), 3);
  EXPECT_LT(hours("nvme", false, Mode::randread, 4096, 64), hours("nvme", false, Mode::randread, 4096, 1) / 30);
  EXPECT_GT(hours("usb", false, Mode::read, 1 << 20), 30);
  EXPECT_GT(hours("loop", false, Mode::read, 1 << 20), 1);
}

}  // namespace
}  // namespace spliced::plan
