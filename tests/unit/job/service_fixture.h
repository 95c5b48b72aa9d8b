// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <numeric>

#include "engine/null/null_engine.h"
#include "fakes.h"
#include "simple_form.h"
#include "spliced/job/service.h"
#include "spliced/util/threads.h"
#include "unit/device/fake_host.h"
#include "unit/plan/spec_parts.h"

namespace spliced::testing {

[[nodiscard]] inline plan::JobSpec reading(std::vector<std::string> targets) {
  plan::JobSpec spec;
  spec.targets = std::move(targets);
  spec.on_restart = plan::OnRestart::interrupt;
  io(spec).workload.direct = false;  // the file system of the temporary directory may not have it
  return spec;
}
[[nodiscard]] inline plan::JobSpec writing(std::vector<std::string> targets) {
  plan::JobSpec spec = reading(std::move(targets));
  io(spec).workload.rw = workload::Mode::write;
  spec.destructive = true;
  return spec;
}
// Goes on until it is stopped.
[[nodiscard]] inline plan::JobSpec endless(std::vector<std::string> targets) {
  plan::JobSpec spec = reading(std::move(targets));
  io(spec).workload.time_based = true;
  io(spec).workload.runtime = 3600 * util::kSecond;
  return spec;
}
[[nodiscard]] inline const run::OpSnapshot& reads_of(const job::DeviceSnapshot& device) {
  return device.ops[0];
}
[[nodiscard]] inline const run::OpSnapshot& writes_of(const job::DeviceSnapshot& device) {
  return device.ops[1];
}

// Longer than any clock of a test goes on.
inline constexpr util::Nanos kForever = 1'000'000 * util::kSecond;

// A service over files in a directory of its own. start() makes it; everything that blocks is let go at the end.
struct ServiceFixture : ::testing::Test {
  ServiceFixture() { util::install_wake_handler(); }
  void TearDown() override {
    valve.open();
    if (!service) return;
    // Workers that were stuck in an ended job may need a moment to be seen off.
    EXPECT_TRUE(await([&] { return service->stop_all(kPatienceNanos); }));
  }

  run::EngineFactory null_engines() {
    return [](const engine::EngineConfig&, util::Clock& its_clock, const std::stop_token&) {
      return std::make_unique<engine::NullEngine>(its_clock);
    };
  }
  run::EngineFactory faulty_engines() {
    return [this](const engine::EngineConfig& config, util::Clock& its_clock, std::stop_token stop) {
      return engine::kind_of(config.options).make(config, sys, its_clock, std::move(stop));
    };
  }
  void start(run::EngineFactory engines, job::ServiceLimits limits = {},
             util::Clock& its_clock = util::system_clock()) {
    // A test's clock jumps, which is no pause unless the test says so.
    if (&its_clock == &clock && limits.overdue == job::ServiceLimits{}.overdue) limits.overdue = kForever;
    service = std::make_unique<job::JobService>(job::ServiceSetup{its_clock, log, admission, store, std::move(engines),
                                                                  form, limits, [this] { return memory_bound; }});
  }
  void on_event(std::function<void(const job::Event&)> listener) {
    subscription = service->on_event(std::move(listener));
  }
  // Whether the figures of a job that has ended are still there without the store.
  [[nodiscard]] bool is_in_memory(const std::string& id) const {
    return service->open(id).value().device(0).reason != kFigures;
  }
  // Submits a job that must be accepted; its id.
  std::string submit(const plan::JobSpec& spec) {
    auto snapshot = service->submit(spec, access::itself());
    EXPECT_TRUE(snapshot) << (snapshot ? "" : snapshot.error().message);
    return snapshot ? snapshot->id : "";
  }
  util::Error refused(const plan::JobSpec& spec) {
    auto snapshot = service->submit(spec, access::itself());
    EXPECT_FALSE(snapshot);
    return snapshot ? util::Error{} : snapshot.error();
  }
  job::JobSnapshot wait(const std::string& id) {
    EXPECT_TRUE(service->wait(id, kPatienceNanos));
    auto snapshot = service->get(id);
    EXPECT_TRUE(snapshot);
    return snapshot.value_or(job::JobSnapshot{});
  }
  job::JobSnapshot run(const plan::JobSpec& spec) { return wait(submit(spec)); }
  [[nodiscard]] job::State state_of(const std::string& id) const { return service->get(id).value().state; }
  [[nodiscard]] static ino_t inode_of(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
  }
  // Holds up every read of `target`.
  void block_reads_of(const std::string& target) {
    sys.on_read = [this, inode = inode_of(target)](ino_t at, std::uint64_t) {
      if (at == inode) valve.pass();
      return 0;
    };
  }
  [[nodiscard]] bool await_blocked(int workers = 1) {
    return await([&] { return valve.waiting() == workers; });
  }

  FakeHost host;
  TempDir dir;
  device::TargetAdmission admission{device::AllowList({dir.path() + "/"}), host.paths()};
  util::NullLogger log;
  MemoryStore store;
  FakeSyscalls sys;
  FakeClock clock;
  Valve valve;
  std::optional<util::MemoryBound> memory_bound;  // what limits the process; set before a job is submitted
  job::RecordForm form = simple_form();
  std::unique_ptr<job::JobService> service;
  std::shared_ptr<void> subscription;
};

}  // namespace spliced::testing
