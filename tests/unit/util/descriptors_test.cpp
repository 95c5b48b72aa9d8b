// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spliced::util {
namespace {

// In a process of its own, so that the limits of this one stay. Whether `check` holds there.
template <class Check>
bool holds_with_limits(rlim_t soft, rlim_t hard, Check&& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{soft, hard};
    ::_exit(::setrlimit(RLIMIT_NOFILE, &limit) == 0 && check() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(DescriptorLimit, IsTheSoftOne) {
  EXPECT_TRUE(holds_with_limits(64, 128, [] { return descriptor_limit() == 64; }));
}

TEST(DescriptorLimit, IsRaisedToTheHardOne) {
  EXPECT_TRUE(holds_with_limits(64, 128, [] {
    raise_descriptor_limit();
    raise_descriptor_limit();
    return descriptor_limit() == 128;
  }));
  EXPECT_TRUE(holds_with_limits(64, 64, [] {
    raise_descriptor_limit();
    return descriptor_limit() == 64;
  }));
}

}  // namespace
}  // namespace spliced::util
