// SPDX-License-Identifier: Apache-2.0
#include "totals/target_watch.h"

#include <filesystem>

#include "unit/device/fake_host.h"
#include "unit/run/run_fixture.h"

namespace spliced::totals {
namespace {

struct TargetWatchTest : testing::RunFixture {
  TargetWatchTest() {
    disks.block("sda", "8:0", 100);
    allowing.set_allow_list(device::AllowList({"/dev/sda", "/dev/sdb"}));
  }
  // The device of that name after a look; nullopt when it is not known.
  std::optional<DeviceTelemetry> after_look(const std::string& name) {
    clock.advance(60 * util::kSecond);
    watch.look(clock.now());
    for (auto& device : registry.read(clock.now())) {
      if (device.facts.name == name) return device;
    }
    return std::nullopt;
  }

  testing::FakeHost disks;
  device::TargetAdmission allowing{device::AllowList(), disks.paths()};
  DeviceTotalsRegistry registry;
  TargetWatch watch{allowing, registry};
};

TEST_F(TargetWatchTest, DisksComeGrowGoAndReturn) {
  ASSERT_TRUE(after_look("sda"));
  EXPECT_EQ(after_look("sda")->facts.size, 100U * 512);
  disks.attribute("sda", "size", "300");
  disks.attribute("sda", "device/model", "BIGGER");
  EXPECT_EQ(after_look("sda")->facts.size, 300U * 512);
  EXPECT_EQ(after_look("sda")->facts.info.model, "BIGGER");
  disks.attribute("sda", "size", "0");
  EXPECT_TRUE(after_look("sda")->gone);
  disks.attribute("sda", "size", "100");
  EXPECT_FALSE(after_look("sda")->gone);
  std::filesystem::remove_all(disks.root() / "sys/block/sda");
  EXPECT_TRUE(after_look("sda")->gone);
  EXPECT_FALSE(after_look("sdb"));
  disks.block("sdb", "8:16", 7);
  disks.block("sdc", "8:32", 7);
  EXPECT_EQ(after_look("sdb")->facts.size, 7U * 512);
  EXPECT_FALSE(after_look("sdc")) << "it is not allowed";
}

TEST_F(TargetWatchTest, LooksNowAndThenOnly) {
  ASSERT_TRUE(after_look("sda"));
  disks.attribute("sda", "size", "300");
  watch.look(clock.now());
  EXPECT_EQ(registry.read(clock.now()).at(0).facts.size, 100U * 512);
}

TEST_F(TargetWatchTest, WhatRunsStaysAsTheJobFoundIt) {
  const std::string path = dir.file("target", 40'960);
  const auto run = finished_run(testing::reading({path}));
  registry.attach(run);
  std::filesystem::remove(path);
  EXPECT_FALSE(after_look(path)->gone);
  EXPECT_EQ(after_look(path)->facts.size, 40'960U);
  registry.add_ended(run, false, clock.now());
  EXPECT_TRUE(after_look(path)->gone);
  EXPECT_EQ(after_look(path)->totals.ops[0].operations, 10U);
}

TEST_F(TargetWatchTest, AFileThatCannotBeAskedStaysAsItWas) {
  const std::string path = dir.write("sub/target", std::string(40'960, 'x'));
  const auto run = finished_run(testing::reading({path}));
  registry.attach(run);
  registry.add_ended(run, false, clock.now());
  std::filesystem::remove_all(dir / "sub");
  std::filesystem::create_symlink(dir / "sub", dir / "sub");  // ELOOP
  EXPECT_FALSE(after_look(path)->gone);
}

// A disk in the slot of another has not passed yet.
TEST_F(TargetWatchTest, WhatWasSaidOfOneIsNotSaidOfItsSuccessor) {
  const std::string path = dir.file("target", 40'960);
  const auto run = finished_run(testing::reading({path}));
  registry.attach(run);
  registry.add_ended(run, true, clock.now());
  registry.conclude(path, verdict::Verdict::pass, std::chrono::system_clock::now());
  EXPECT_EQ(after_look(path)->last_verdict, verdict::Verdict::pass);
  std::filesystem::rename(dir.file("other", 40'960), path);
  const auto successor = after_look(path);
  EXPECT_EQ(successor->last_verdict, verdict::Verdict::none);
  EXPECT_FALSE(successor->last_end);
  EXPECT_FALSE(successor->last_completion);
  EXPECT_EQ(successor->activity, run::Activity::idle);
  EXPECT_EQ(successor->totals.ops[0].operations, 10U);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_TRUE(after_look(path)->gone) << "it leads elsewhere";
}

TEST_F(TargetWatchTest, AnotherSequenceOrNameOfTheDriveIsAnotherDisk) {
  disks.attribute("sda", "diskseq", "7");
  disks.attribute("sda", "device/wwid", "naa.1");
  ASSERT_TRUE(after_look("sda"));
  for (const auto& [attribute, value] : {std::pair("diskseq", "8"), std::pair("device/wwid", "naa.2")}) {
    registry.conclude("sda", verdict::Verdict::pass, std::chrono::system_clock::now());
    EXPECT_EQ(after_look("sda")->last_verdict, verdict::Verdict::pass);
    disks.attribute("sda", attribute, value);
    EXPECT_EQ(after_look("sda")->last_verdict, verdict::Verdict::none) << attribute;
  }
}

}  // namespace
}  // namespace spliced::totals
