// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/tally.h"

#include <gtest/gtest.h>

#include <thread>

namespace spliced::util {
namespace {

TEST(Tally, AddsAndSets) {
  Tally tally;
  EXPECT_EQ(tally.get(), 0U);
  tally.add();
  tally.add(41);
  EXPECT_EQ(tally.get(), 42U);
  tally.set(7);
  EXPECT_EQ(tally.get(), 7U);
  tally.add(0);
  EXPECT_EQ(tally.get(), 7U);
}

TEST(Tally, ReaderSeesItGrow) {
  constexpr std::uint64_t kAdds = 100'000;
  Tally tally;
  std::jthread writer([&] {
    for (std::uint64_t i = 0; i < kAdds; ++i) tally.add();
  });
  std::uint64_t last = 0;
  while (last < kAdds) {
    const std::uint64_t now = tally.get();
    ASSERT_GE(now, last);
    ASSERT_LE(now, kAdds);
    last = now;
    std::this_thread::yield();
  }
}

}  // namespace
}  // namespace spliced::util
