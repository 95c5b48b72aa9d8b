#include "job/ledger.h"

#include <fmt/format.h>

#include "run_fixture.h"

namespace spliced::job {
namespace {

using testing::reading;

struct LedgerTest : testing::RunFixture {
  DeviceTelemetry only() {
    auto devices = ledger.read(clock.now());
    EXPECT_EQ(devices.size(), 1U);
    return devices.empty() ? DeviceTelemetry{} : devices.front();
  }
  std::uint64_t operations() { return only().totals.ops[0].operations; }

  std::string path = dir.file("target", 40'960);
  Ledger ledger;
};

device::TargetFacts named(const std::string& name) {
  device::TargetFacts facts;
  facts.name = name;
  return facts;
}

TEST_F(LedgerTest, AnIntroducedDeviceIsKnownWithNothingDone) {
  EXPECT_TRUE(ledger.read(clock.now()).empty());
  ledger.introduce(named("sda"));
  ledger.introduce(named("sda"));
  const DeviceTelemetry device = only();
  EXPECT_EQ(device.facts.name, "sda");
  EXPECT_EQ(device.activity, DeviceActivity::idle);
  EXPECT_EQ(device.totals.ops[0].operations, 0U);
  EXPECT_EQ(device.job_id, "");
  EXPECT_FALSE(device.last_completion);
}

TEST_F(LedgerTest, CountsARunBeforeAndAfterItIsSettled) {
  const auto run = finished_run(reading({path}));
  ledger.attach(run);
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(only().job_id, "job-1");
  ledger.settle(run, false, clock.now());
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(only().job_id, "");
  EXPECT_EQ(only().activity, DeviceActivity::idle);
  EXPECT_TRUE(only().last_completion);
}

TEST_F(LedgerTest, NeverGoesDownAcrossRuns) {
  std::uint64_t before = 0;
  for (int i = 1; i <= 3; ++i) {
    const auto run = create(reading({path}));
    ledger.attach(run);
    EXPECT_EQ(operations(), before);
    begin(*run);
    ASSERT_TRUE(testing::await([&] {
      const std::uint64_t now = operations();
      EXPECT_GE(now, before);
      before = now;
      return run->finished();
    }));
    ledger.settle(run, false, clock.now());
    EXPECT_EQ(operations(), 10U * static_cast<unsigned>(i));
    before = operations();
  }
}

TEST_F(LedgerTest, ARunThatFailedShowsUntilTheNextOne) {
  const auto run = finished_run(reading({path}));
  ledger.attach(run);
  ledger.settle(run, true, clock.now());
  EXPECT_EQ(only().activity, DeviceActivity::failed);
  const auto next = finished_run(reading({path}));
  ledger.attach(next);
  EXPECT_EQ(only().activity, DeviceActivity::running);
  ledger.settle(next, false, clock.now());
  EXPECT_EQ(only().activity, DeviceActivity::idle);
}

TEST_F(LedgerTest, KeepsDevicesApart) {
  const std::string other = dir.file("other", 8192);
  const auto run = finished_run(reading({path}));
  const auto second = finished_run(reading({other}));
  ledger.attach(run);
  ledger.attach(second);
  const auto devices = ledger.read(clock.now());
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].facts.name, other);
  EXPECT_EQ(devices[0].totals.ops[0].operations, 2U);
  EXPECT_EQ(devices[1].totals.ops[0].operations, 10U);
}

TEST_F(LedgerTest, HasRoomForABoundedNumberOfDevices) {
  for (std::size_t i = 0; i < Ledger::kMaxDevices - 1; ++i) ledger.introduce(named(fmt::format("disk{}", i)));
  EXPECT_TRUE(ledger.has_room_for({"one"}));
  EXPECT_FALSE(ledger.has_room_for({"one", "two"}));
  EXPECT_TRUE(ledger.has_room_for({"one", "disk0", "disk1"}));
  ledger.introduce(named("one"));
  EXPECT_TRUE(ledger.has_room_for({"one", "disk0"}));
  EXPECT_FALSE(ledger.has_room_for({"two"}));
}

// A worker gives its claim back before the supervisor settles its run: the next job on the device can come in between.
TEST_F(LedgerTest, ARunThatIsNotSettledYetCountsBesideTheNext) {
  const auto run = finished_run(reading({path}));
  ledger.attach(run);
  EXPECT_EQ(operations(), 10U);
  const auto next = create(reading({path}));
  ledger.attach(next);
  EXPECT_EQ(operations(), 10U);
  ledger.settle(run, false, clock.now());
  EXPECT_EQ(operations(), 10U);
}

}  // namespace
}  // namespace spliced::job
