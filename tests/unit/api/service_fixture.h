// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "api/record_form.h"
#include "engine/null/null_engine.h"
#include "form/recipe.h"
#include "spliced/job/service.h"
#include "spliced/util/threads.h"
#include "unit/http/raw_client.h"
#include "unit/plan/spec_parts.h"

namespace spliced::test {

// A job service over files of a temporary directory, on a machine without any disk, with an engine that moves nothing.
class ServiceTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kFileBytes = 64 * 1024;

  ServiceTest() {
    util::install_wake_handler();
    make_file("a.dat");
    std::filesystem::create_directories(dir_ / "sys/block");
    std::filesystem::create_directories(dir_ / "proc/self");
    std::ofstream(dir_ / "proc/self/mountinfo") << "1 0 0:5 / /proc rw - proc proc rw\n";
    restart();
  }
  ~ServiceTest() override { stop(); }
  void stop() {
    if (service_) (void)service_->stop_all(10 * util::kSecond);
    service_.reset();
  }
  void restart(job::ServiceLimits limits = {}) {
    stop();
    service_ = std::make_unique<job::JobService>(
        job::ServiceSetup{util::system_clock(), log_, admission_, *store_,
                          [](const engine::EngineConfig&, util::Clock& clock, std::stop_token) {
                            return std::make_unique<engine::NullEngine>(clock);
                          },
                          api::record_form(), limits});
  }
  std::string make_file(const std::string& name) {
    const std::string path = dir_ / name;
    std::ofstream(path) << std::string(kFileBytes, '\0');
    return path;
  }

  // Reads the whole of `file` once: 16 blocks.
  [[nodiscard]] nlohmann::json short_job(const std::string& file = "a.dat") const {
    return {{"name", "short"}, {"targets", {dir_ / file}}, {"workload", {{"bs", "4k"}, {"direct", false}}}};
  }
  // Goes on until it is cancelled.
  [[nodiscard]] nlohmann::json long_job(const std::string& file = "a.dat") const {
    nlohmann::json job = short_job(file);
    job["name"] = "long";
    job["workload"].update({{"runtime", "1h"}, {"time_based", true}, {"thinktime", "5ms"}});
    return job;
  }
  [[nodiscard]] plan::JobSpec spec_of_short(const std::string& file = "a.dat") const {
    plan::JobSpec spec;
    spec.name = "short";
    spec.targets = {dir_ / file};
    testing::io(spec).workload.direct = false;
    return spec;
  }
  [[nodiscard]] plan::JobSpec spec_of_long(const std::string& file = "a.dat") const {
    plan::JobSpec spec = spec_of_short(file);
    spec.name = "long";
    testing::io(spec).workload.runtime = 3600 * util::kSecond;
    testing::io(spec).workload.time_based = true;
    testing::io(spec).workload.thinktime = util::kSecond / 200;
    return spec;
  }
  // Runs it to its end.
  job::JobSnapshot run(const plan::JobSpec& spec) {
    const auto job = service_->submit(spec, access::itself());
    EXPECT_TRUE(job) << job.error().message;
    EXPECT_TRUE(service_->wait(job->id, 60 * util::kSecond));
    return *service_->get(job->id);
  }

  TempDir dir_;
  util::NullLogger log_;
  std::unique_ptr<store::JobStore> store_ = store::make_null_store();
  device::TargetAdmission admission_{device::AllowList({dir_.path() + "/"}),
                                     device::HostPaths{dir_ / "sys", dir_ / "proc", dir_ / "dev"}};
  std::unique_ptr<job::JobService> service_;
  const form::RecipeBook recipes_ = form::RecipeBook::built_in();
};

}  // namespace spliced::test
