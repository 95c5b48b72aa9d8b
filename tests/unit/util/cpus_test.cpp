// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace spliced::util {
namespace {

TEST(StayOnCpu, BindsTheCallingThreadAloneRoundAndRound) {
  const auto cpus_after = [](std::size_t index) {
    cpu_set_t set;
    std::jthread([&] {
      stay_on_cpu(index);
      ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    }).join();
    return set;
  };
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  const auto count = static_cast<std::size_t>(CPU_COUNT(&mine));
  cpu_set_t met;
  CPU_ZERO(&met);
  for (std::size_t i = 0; i < count; ++i) {
    const cpu_set_t one = cpus_after(i);
    EXPECT_EQ(CPU_COUNT(&one), 1);
    CPU_OR(&met, &met, &one);
    const cpu_set_t again = cpus_after(i + 3 * count);
    EXPECT_TRUE(CPU_EQUAL(&one, &again));
  }
  EXPECT_TRUE(CPU_EQUAL(&met, &mine)) << "each CPU has its turn";
  cpu_set_t now;
  ASSERT_EQ(::sched_getaffinity(0, sizeof now, &now), 0);
  EXPECT_TRUE(CPU_EQUAL(&now, &mine));
}

cpu_set_t mask() {
  cpu_set_t out;
  CPU_ZERO(&out);
  EXPECT_EQ(::sched_getaffinity(0, sizeof out, &out), 0);
  return out;
}

TEST(ThreadCpus, KnowsWhereItsThreadMayRunAndDoesRun) {
  const auto cpus = cpus_of_this_thread();
  const cpu_set_t mine = mask();
  EXPECT_EQ(cpus->allowed().size(), static_cast<std::size_t>(CPU_COUNT(&mine)));
  for (const std::size_t cpu : cpus->allowed()) EXPECT_TRUE(CPU_ISSET(cpu, &mine));
  EXPECT_TRUE(CPU_ISSET(cpus->current(), &mine));
}

TEST(ThreadCpus, BindsAndLetsGo) {
  const cpu_set_t before = mask();
  std::jthread([&] {
    const auto cpus = cpus_of_this_thread();
    for (const std::size_t cpu : cpus->allowed()) {
      EXPECT_TRUE(cpus->bind(cpu));
      const cpu_set_t now = mask();
      EXPECT_EQ(CPU_COUNT(&now), 1);
      EXPECT_TRUE(CPU_ISSET(cpu, &now));
      EXPECT_EQ(cpus->current(), cpu);
      cpus->unbind();
      const cpu_set_t after = mask();
      EXPECT_TRUE(CPU_EQUAL(&after, &before));
    }
  }).join();
}

// Somebody else, such as taskset(1), says where it may run.
TEST(ThreadCpus, KeepsToWhatOthersSayInTheMeantime) {
  const auto all = cpus_of_this_thread()->allowed();
  if (all.size() < 2) GTEST_SKIP() << "one CPU";
  const auto only = [](std::size_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
  };
  std::jthread([&] {
    const auto cpus = cpus_of_this_thread();
    ASSERT_TRUE(cpus->bind(all[0]));
    only(all[1]);
    cpus->unbind();
    cpu_set_t now = mask();
    EXPECT_EQ(CPU_COUNT(&now), 1);
    EXPECT_TRUE(CPU_ISSET(all[1], &now));
    EXPECT_FALSE(cpus->bind(all[0]));
    EXPECT_TRUE(cpus->bind(all[1]));
  }).join();
}

TEST(ThreadCpus, RefusesACpuThatIsNotThere) {
  const auto cpus = cpus_of_this_thread();
  const cpu_set_t before = mask();
  EXPECT_FALSE(cpus->bind(CPU_SETSIZE - 1));
  const cpu_set_t now = mask();
  EXPECT_TRUE(CPU_EQUAL(&now, &before));
}

// Two threads that always run, on one CPU: each waits about as long as it runs.
TEST(ThreadCpus, TellsHowLongItRanAndWaited) {
  const auto available = cpus_of_this_thread();
  if (!available->times()) GTEST_SKIP() << "the kernel keeps no scheduler times (CONFIG_SCHED_INFO)";
  const std::size_t cpu = available->allowed().front();
  std::jthread other([&](const std::stop_token& stop) {
    cpus_of_this_thread()->bind(cpu);
    while (!stop.stop_requested()) {
    }
  });
  std::jthread([&] {
    const auto cpus = cpus_of_this_thread();
    ASSERT_TRUE(cpus->bind(cpu));
    const ThreadCpus::Times first = cpus->times().value();
    ThreadCpus::Times last = first;
    const Nanos limit = system_clock().now() + 30 * kSecond;
    while (last.waited - first.waited < kSecond / 20 && system_clock().now() < limit) last = cpus->times().value();
    EXPECT_GE(last.waited - first.waited, kSecond / 20);
    EXPECT_GT(last.ran, first.ran);
  }).join();
}

}  // namespace
}  // namespace spliced::util
