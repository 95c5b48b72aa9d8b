// SPDX-License-Identifier: Apache-2.0
#include "totals/device_totals_registry.h"

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <thread>

#include "unit/run/run_fixture.h"

namespace spliced::totals {
namespace {

using testing::reading;

struct DeviceTotalsRegistryTest : testing::RunFixture {
  DeviceTelemetry only() {
    auto devices = registry.read(clock.now());
    EXPECT_EQ(devices.size(), 1U);
    return devices.empty() ? DeviceTelemetry{} : devices.front();
  }
  std::uint64_t operations() { return only().totals.ops[0].operations; }

  std::string path = dir.file("target", 40'960);
  DeviceTotalsRegistry registry;
};

device::TargetFacts named(const std::string& name) {
  device::TargetFacts facts;
  facts.name = name;
  return facts;
}

TEST_F(DeviceTotalsRegistryTest, ARegisteredDeviceIsKnownWithNothingDone) {
  EXPECT_TRUE(registry.read(clock.now()).empty());
  registry.register_device(named("sda"), clock.now());
  registry.register_device(named("sda"), clock.now());
  const DeviceTelemetry device = only();
  EXPECT_EQ(device.facts.name, "sda");
  EXPECT_EQ(device.activity, run::Activity::idle);
  EXPECT_EQ(device.totals.ops[0].operations, 0U);
  EXPECT_EQ(device.job_id, "");
  EXPECT_FALSE(device.last_completion);
}

TEST_F(DeviceTotalsRegistryTest, CountsARunBeforeAndAfterItEnded) {
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(only().job_id, "job-1");
  registry.add_ended(run, false, clock.now());
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(only().job_id, "");
  EXPECT_EQ(only().activity, run::Activity::idle);
  EXPECT_TRUE(only().last_completion);
}

TEST_F(DeviceTotalsRegistryTest, NeverGoesDownAcrossRuns) {
  std::uint64_t before = 0;
  for (int i = 1; i <= 3; ++i) {
    const auto run = create(reading({path}));
    registry.attach(run);
    EXPECT_EQ(operations(), before);
    begin(*run);
    ASSERT_TRUE(testing::await([&] {
      const std::uint64_t now = operations();
      EXPECT_GE(now, before);
      before = now;
      return run->finished();
    }));
    registry.add_ended(run, false, clock.now());
    EXPECT_EQ(operations(), 10U * static_cast<unsigned>(i));
    before = operations();
  }
}

TEST_F(DeviceTotalsRegistryTest, NeverGoesDownForAReaderWhileRunsEnd) {
  constexpr unsigned kRuns = 20;
  registry.register_device(named(path), clock.now());
  std::atomic<bool> over{false};
  std::thread reader([&] {
    for (std::uint64_t before = 0; !over;) {
      const std::uint64_t now = operations();
      EXPECT_GE(now, before);
      before = now;
    }
  });
  for (unsigned i = 0; i < kRuns; ++i) {
    const auto run = finished_run(reading({path}));
    registry.attach(run);
    registry.add_ended(run, false, clock.now());
  }
  over = true;
  reader.join();
  EXPECT_EQ(operations(), 10U * kRuns);
}

TEST_F(DeviceTotalsRegistryTest, ARunThatFailedShowsUntilTheNextOne) {
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  registry.add_ended(run, true, clock.now());
  EXPECT_EQ(only().activity, run::Activity::failed);
  const auto next = finished_run(reading({path}));
  registry.attach(next);
  EXPECT_EQ(only().activity, run::Activity::running);
  registry.add_ended(next, false, clock.now());
  EXPECT_EQ(only().activity, run::Activity::idle);
}

TEST_F(DeviceTotalsRegistryTest, KeepsDevicesApart) {
  const std::string other = dir.file("other", 8192);
  const auto run = finished_run(reading({path}));
  const auto second = finished_run(reading({other}));
  registry.attach(run);
  registry.attach(second);
  const auto devices = registry.read(clock.now());
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].facts.name, other);
  EXPECT_EQ(devices[0].totals.ops[0].operations, 2U);
  EXPECT_EQ(devices[1].totals.ops[0].operations, 10U);
}

struct FullRegistry : DeviceTotalsRegistryTest {
  // All but `room` places are taken, by disk0, disk1, and so on: the higher the number, the later.
  void fill(std::size_t room = 0) {
    for (std::size_t i = 0; i < DeviceTotalsRegistry::kMaxDevices - room; ++i) {
      registry.register_device(named(fmt::format("disk{}", i)), clock.now());
      clock.advance(1);
    }
  }
  std::set<std::string> names() {
    std::set<std::string> out;
    for (const auto& device : registry.read(clock.now())) out.insert(device.facts.name);
    return out;
  }
};

TEST_F(FullRegistry, HasABoundedNumberOfDevices) {
  fill(2);
  EXPECT_TRUE(registry.make_room_for({"one", "two", "disk0"}));
  EXPECT_EQ(names().size(), DeviceTotalsRegistry::kMaxDevices - 2) << "there was room";
  registry.register_device(named("one"), clock.now());
  registry.register_device(named("two"), clock.now());
  registry.register_device(named("three"), clock.now());
  EXPECT_EQ(names().size(), DeviceTotalsRegistry::kMaxDevices);
  EXPECT_FALSE(names().contains("three"));
}

TEST_F(FullRegistry, TheLongestIdleMakeRoomButNotThoseThatAreWanted) {
  fill();
  EXPECT_TRUE(registry.make_room_for({"one", "two", "disk0", "disk2"}));
  const auto left = names();
  EXPECT_EQ(left.size(), DeviceTotalsRegistry::kMaxDevices - 2);
  EXPECT_FALSE(left.contains("disk1"));
  EXPECT_FALSE(left.contains("disk3"));
  for (const char* kept : {"disk0", "disk2", "disk4"}) EXPECT_TRUE(left.contains(kept)) << kept;
}

TEST_F(FullRegistry, AFileThatRanMakesRoomBeforeADiskOfTheMachine) {
  fill(1);
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  registry.add_ended(run, false, clock.now());
  ASSERT_EQ(names().size(), DeviceTotalsRegistry::kMaxDevices);
  EXPECT_TRUE(registry.make_room_for({"one"}));
  EXPECT_FALSE(names().contains(path));
  EXPECT_TRUE(names().contains("disk0"));
}

TEST_F(FullRegistry, WhatRunsNeverLeaves) {
  const auto run = finished_run(reading({path}));  // but not added to the totals
  registry.attach(run);
  fill(1);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < DeviceTotalsRegistry::kMaxDevices; ++i) all.push_back(fmt::format("new{}", i));
  EXPECT_FALSE(registry.make_room_for(all));
  EXPECT_EQ(names().size(), DeviceTotalsRegistry::kMaxDevices) << "nothing is let go in vain";
  all.pop_back();
  EXPECT_TRUE(registry.make_room_for(all));
  EXPECT_EQ(names(), std::set<std::string>{path});
  EXPECT_EQ(operations(), 10U);
}

// Two jobs may find the same room.
TEST_F(FullRegistry, StaysBoundedWhenARunComesIntoAFullTable) {
  fill();
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  EXPECT_EQ(names().size(), DeviceTotalsRegistry::kMaxDevices);
  EXPECT_TRUE(names().contains(path));
  EXPECT_FALSE(names().contains("disk0"));
}

struct SweptRegistry : FullRegistry {
  void run_once(bool failed = false) {
    const auto run = finished_run(reading({path}));
    registry.attach(run);
    registry.add_ended(run, failed, clock.now());
  }
  void sweep_after(util::Nanos time, const std::set<std::string>& present = {}) {
    clock.advance(time);
    registry.sweep(clock.now(), present);
  }
};

TEST_F(SweptRegistry, WhatHasNotRunForAnHourLeaves) {
  run_once(true);
  sweep_after(DeviceTotalsRegistry::kIdleLimit - 1);
  EXPECT_EQ(operations(), 10U);
  sweep_after(1);
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(registry.departed().operations, 10U);
  EXPECT_EQ(registry.departed().bytes, 40'960U);
}

TEST_F(SweptRegistry, WhatComesBackBeginsAtZero) {
  run_once();
  sweep_after(DeviceTotalsRegistry::kIdleLimit);
  run_once();
  EXPECT_EQ(operations(), 10U);
  EXPECT_EQ(only().activity, run::Activity::idle);
}

TEST_F(SweptRegistry, EachRunIsAnotherHour) {
  run_once();
  sweep_after(DeviceTotalsRegistry::kIdleLimit / 2);
  run_once();
  sweep_after(DeviceTotalsRegistry::kIdleLimit / 2);
  EXPECT_EQ(operations(), 20U);
}

TEST_F(SweptRegistry, DisksOfTheMachineStayAsLongAsTheyAreSeen) {
  registry.register_device(named("sda"), clock.now());
  registry.register_device(named("sdb"), clock.now());
  run_once();
  sweep_after(DeviceTotalsRegistry::kIdleLimit, {"sda", "sdb", path});
  EXPECT_EQ(names(), (std::set<std::string>{"sda", "sdb"}));
  sweep_after(DeviceTotalsRegistry::kIdleLimit, {"sda"});
  EXPECT_EQ(names(), std::set<std::string>{"sda"});
}

TEST_F(SweptRegistry, WhatRunsStaysHoweverLong) {
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  sweep_after(100 * DeviceTotalsRegistry::kIdleLimit);
  EXPECT_EQ(operations(), 10U);
  registry.add_ended(run, false, clock.now());
  sweep_after(0);
  EXPECT_EQ(operations(), 10U) << "its hour begins when it ends";
}

// The job was refused after its runs had been made.
TEST_F(DeviceTotalsRegistryTest, ARunThatWasNeverAttachedLeavesNothing) {
  const auto run = finished_run(reading({path}));
  registry.add_ended(run, true, clock.now());
  EXPECT_TRUE(registry.read(clock.now()).empty());
}

// A worker gives its claim back before the supervisor settles its run: the next job on the device can come in between.
TEST_F(DeviceTotalsRegistryTest, ARunThatHasNotEndedYetCountsBesideTheNext) {
  const auto run = finished_run(reading({path}));
  registry.attach(run);
  EXPECT_EQ(operations(), 10U);
  const auto next = create(reading({path}));
  registry.attach(next);
  EXPECT_EQ(operations(), 10U);
  registry.add_ended(run, false, clock.now());
  EXPECT_EQ(operations(), 10U);
}

}  // namespace
}  // namespace spliced::totals
