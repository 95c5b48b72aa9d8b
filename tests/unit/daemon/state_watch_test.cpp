// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_watch.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <vector>

#include "unit/http/raw_client.h"

namespace spliced::daemon {
namespace {

class Recorder final : public util::Logger {
 public:
  // Whether there are `count` lines, in time.
  bool await(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() >= count; });
  }
  std::string line(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return lines_.at(index);
  }

 protected:
  void write(util::LogLevel, std::string_view message, std::span<const util::LogField>) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(message);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

TEST(StateWatch, SaysOnceThatTheDirectoryIsGoneAndThatItIsBack) {
  const test::TempDir dir;
  auto state = StateDir::open(dir / "state");
  ASSERT_TRUE(state);
  ASSERT_TRUE(state->prepare_database());
  Recorder log;
  const StateWatch watch(*state, log);
  EXPECT_EQ(watch.trouble(), "");
  std::filesystem::rename(dir / "state", dir / "moved");
  ASSERT_TRUE(log.await(1));
  EXPECT_NE(log.line(0).find("is gone"), std::string::npos) << log.line(0);
  EXPECT_NE(watch.trouble(), "");
  std::filesystem::rename(dir / "moved", dir / "state");
  ASSERT_TRUE(log.await(2));
  EXPECT_NE(log.line(1).find("again"), std::string::npos) << log.line(1);
  EXPECT_EQ(watch.trouble(), "");
}

}  // namespace
}  // namespace spliced::daemon
