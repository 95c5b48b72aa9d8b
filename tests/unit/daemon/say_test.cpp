// SPDX-License-Identifier: Apache-2.0
#include "daemon/say.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "spliced/util/unique_fd.h"

namespace spliced::daemon {
namespace {

class SayTest : public ::testing::Test {
 protected:
  SayTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  util::UniqueFd reader_, writer_;
};

TEST_F(SayTest, AllOfItIsThere) {
  const std::string text(20'000, 'x');
  say(writer_.get(), text);
  std::string got(30'000, ' ');
  EXPECT_EQ(::read(reader_.get(), got.data(), got.size()), 20'000);
}

TEST_F(SayTest, GivesUpWithoutAReader) {
  const auto begun = std::chrono::steady_clock::now();
  say(writer_.get(), std::string(1 << 20, 'x'));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(SayTest, AClosedReaderIsNoMatter) {
  ::signal(SIGPIPE, SIG_IGN);
  reader_.reset();
  say(writer_.get(), "x");
}

}  // namespace
}  // namespace spliced::daemon
