// SPDX-License-Identifier: Apache-2.0
// Many devices whose workers leave at the same moment. An integration test runs this with a look at the locks.
#include <dlfcn.h>
#include <fmt/format.h>

#include <thread>

#include "service_fixture.h"

namespace spliced::job {
namespace {

using testing::endless;
using testing::io;
using testing::kPatienceNanos;

// A sanitizer makes two thousand threads a matter of minutes.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kDevices = 64;
#else
constexpr std::size_t kDevices = plan::kMaxTargets;
#endif

struct JobServiceEnds : testing::ServiceFixture {
  JobServiceEnds() {
    for (std::size_t i = 0; i < kDevices; ++i) targets.push_back(dir.file(fmt::format("target-{}", i), 4096));
  }
  // A probe that is loaded before the program looks at what comes now.
  static void restart_probe() {
    if (void* restart = ::dlsym(RTLD_DEFAULT, "lock_probe_restart")) reinterpret_cast<void (*)()>(restart)();
  }
  // While they end, others ask.
  JobSnapshot wait_with_readers(const std::string& id) {
    std::jthread scrape([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) (void)service->telemetry();
    });
    std::jthread list([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) (void)service->list({});
    });
    std::jthread nothing(&take_an_empty_lock);
    return wait(id);
  }
  // What this shows is not the lock's: interrupts, and what the machine below does to a CPU.
  static void take_an_empty_lock(const std::stop_token& stop) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    while (!stop.stop_requested()) {
      ::pthread_mutex_lock(&mutex);
      ::pthread_mutex_unlock(&mutex);
    }
  }
  std::vector<std::string> targets;
};

TEST_F(JobServiceEnds, AThousandDevicesByTheirRuntime) {
  start(null_engines());
  JobSpec spec = endless(targets);
  io(spec).workload.runtime = util::kSecond / 2;
  io(spec).workload.rate_iops = 50;
  const std::string id = submit(spec);
  restart_probe();
  const JobSnapshot job = wait_with_readers(id);
  EXPECT_EQ(job.state, State::succeeded);
  ASSERT_EQ(job.devices.size(), kDevices);
  // On a slow machine the time of some was over before they had a CPU.
  for (const auto& device : job.devices) ASSERT_EQ(device.state, State::succeeded);
}

TEST_F(JobServiceEnds, AThousandDevicesByACancel) {
  start(null_engines());
  JobSpec spec = endless(targets);
  io(spec).workload.rate_iops = 50;
  const std::string id = submit(spec);
  restart_probe();
  ASSERT_TRUE(service->cancel(id, access::itself()));
  const JobSnapshot job = wait_with_readers(id);
  EXPECT_EQ(job.state, State::cancelled);
  ASSERT_EQ(job.devices.size(), kDevices);
  for (const auto& device : job.devices) ASSERT_EQ(device.state, State::cancelled);
}

}  // namespace
}  // namespace spliced::job
