// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace spliced::util {
namespace {

TEST(CpuList, IsReadAsTasksetWritesIt) {
  EXPECT_EQ(parse_cpu_list("0").value(), CpuList{0});
  EXPECT_EQ(parse_cpu_list("0-3,7").value(), (CpuList{0, 1, 2, 3, 7}));
  EXPECT_EQ(parse_cpu_list("7,2-3,3,2").value(), (CpuList{2, 3, 7})) << "in any order, named twice";
  EXPECT_EQ(parse_cpu_list("1023").value(), CpuList{1023});
}

TEST(CpuList, AnythingElseIsRefusedByName) {
  for (const char* text : {"", "a", "-1", "1-", "-", "3-1", "1,", ",1", "1,,2", "0x1", "1 ", "1024", "0-1024", "1-2-3",
                           "99999999999999999999", "+1"}) {
    const auto list = parse_cpu_list(text);
    ASSERT_FALSE(list) << text;
    EXPECT_NE(list.error().message.find(text), std::string::npos);
  }
}

TEST(CpuList, IsWrittenInTheShortestForm) {
  EXPECT_EQ(format_cpu_list({}), "");
  EXPECT_EQ(format_cpu_list({5}), "5");
  EXPECT_EQ(format_cpu_list({0, 1}), "0-1");
  for (const char* text : {"0-3,7", "1,3,5-6", "0,1023"}) {
    EXPECT_EQ(format_cpu_list(parse_cpu_list(text).value()), text);
  }
}

TEST(RunOnCpus, BindsTheCallingThreadAlone) {
  const CpuList mine = allowed_cpus();
  ASSERT_FALSE(mine.empty());
  for (const unsigned cpu : mine) {
    std::jthread([cpu] {
      EXPECT_EQ(run_on_cpus({cpu}), 0);
      EXPECT_EQ(allowed_cpus(), CpuList{cpu});
      EXPECT_EQ(::sched_getcpu(), static_cast<int>(cpu));
    }).join();
  }
  EXPECT_EQ(allowed_cpus(), mine);
}

TEST(RunOnCpus, ACpuThatIsNotThereIsAnError) {
  const CpuList mine = allowed_cpus();
  if (mine.back() == kMaxCpus - 1) GTEST_SKIP() << "this machine has every CPU that there may be";
  EXPECT_EQ(run_on_cpus({kMaxCpus - 1}), EINVAL);
  EXPECT_EQ(allowed_cpus(), mine);
}

TEST(SchedulerTimes, TellHowLongAThreadWaitedForItsCpu) {
  if (!scheduler_times()) GTEST_SKIP() << "the kernel does not keep them";
  const unsigned cpu = allowed_cpus().front();
  // Two that both want one CPU: each waits while the other runs.
  std::atomic<bool> over{false};
  std::jthread other([&] {
    ASSERT_EQ(run_on_cpus({cpu}), 0);
    while (!over) {
    }
  });
  std::jthread([&] {
    ASSERT_EQ(run_on_cpus({cpu}), 0);
    const SchedulerTimes before = scheduler_times().value();
    SchedulerTimes now = before;
    const Nanos end = system_clock().now() + 20 * kSecond;
    while (now.waited - before.waited < kSecond / 100 && system_clock().now() < end) now = scheduler_times().value();
    EXPECT_GE(now.waited - before.waited, kSecond / 100);
    EXPECT_GT(now.ran, before.ran);
  }).join();
  over = true;
}

}  // namespace
}  // namespace spliced::util
