// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_queue.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "spliced/util/unique_fd.h"

namespace spliced::daemon {
namespace {

using std::chrono::milliseconds;
using util::LogLevel;

constexpr milliseconds kLong{10'000};

// Blocks like a reader that does not read, until it is let go; keeps what came through.
class GatedSink final : public LogSink {
 public:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false, inside = false;
    std::vector<std::string> lines;
  };
  explicit GatedSink(State& state) : state_(state) {}
  void put(const LogLine& line) override {
    std::unique_lock lock(state_.mutex);
    state_.inside = true;
    state_.changed.notify_all();
    state_.changed.wait(lock, [this] { return state_.open; });
    state_.lines.push_back(line.message);
    for (const auto& [key, value] : line.fields) state_.lines.back() += " " + key + "=" + value;
  }

 private:
  State& state_;
};

class LogQueueTest : public ::testing::Test {
 protected:
  ~LogQueueTest() override { open(); }
  void open() {
    const std::lock_guard lock(state_.mutex);
    state_.open = true;
    state_.changed.notify_all();
  }
  void await_blocked_sink() {
    std::unique_lock lock(state_.mutex);
    ASSERT_TRUE(state_.changed.wait_for(lock, kLong, [this] { return state_.inside; }));
  }
  GatedSink::State state_;
  QueuedLogger log_{std::make_unique<GatedSink>(state_)};
};

TEST_F(LogQueueTest, LinesComeInOrderWithTheirFields) {
  open();
  for (int i = 0; i < 100; ++i) log_.log(LogLevel::info, std::to_string(i), {{"N", "x"}});
  ASSERT_TRUE(log_.flush(kLong));
  ASSERT_EQ(state_.lines.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(state_.lines[i], std::to_string(i) + " N=x");
  EXPECT_EQ(log_.dropped(), 0U);
}

TEST_F(LogQueueTest, NobodyWaitsForASinkThatBlocksAndWhatIsDroppedIsTold) {
  log_.log(LogLevel::info, "first");
  await_blocked_sink();
  // With the one in the sink, that many and no more.
  for (std::size_t i = 0; i < QueuedLogger::kMaxLines; ++i) log_.log(LogLevel::info, "kept");
  EXPECT_EQ(log_.dropped(), 0U);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 100; ++i) log_.log(LogLevel::error, "dropped");
    });
  }
  threads.clear();
  EXPECT_EQ(log_.dropped(), 400U);
  open();
  ASSERT_TRUE(log_.flush(kLong));
  log_.log(LogLevel::info, "after");
  ASSERT_TRUE(log_.flush(kLong));
  ASSERT_EQ(state_.lines.size(), QueuedLogger::kMaxLines + 3);
  const std::string& told = state_.lines[QueuedLogger::kMaxLines + 1];
  EXPECT_TRUE(told.starts_with("400 lines of the log were dropped")) << told;
  EXPECT_EQ(state_.lines.back(), "after");
}

TEST_F(LogQueueTest, BytesHaveABoundToo) {
  log_.log(LogLevel::info, "first");
  await_blocked_sink();
  const std::string large(QueuedLogger::kMaxBytes / 4, 'x');
  for (int i = 0; i < 3; ++i) log_.log(LogLevel::info, large);
  EXPECT_EQ(log_.dropped(), 0U);
  log_.log(LogLevel::info, large, {{"N", "x"}});
  EXPECT_EQ(log_.dropped(), 1U);
  open();
  ASSERT_TRUE(log_.flush(kLong));
  log_.log(LogLevel::info, large);  // there is room again
  ASSERT_TRUE(log_.flush(kLong));
  EXPECT_EQ(log_.dropped(), 1U);
}

TEST_F(LogQueueTest, FlushGivesUp) {
  log_.log(LogLevel::info, "first");
  await_blocked_sink();
  EXPECT_FALSE(log_.flush(milliseconds(20)));
}

TEST_F(LogQueueTest, WhatComesAfterTheEndIsDropped) {
  open();
  ASSERT_TRUE(log_.finish(kLong));
  log_.log(LogLevel::info, "late");
  EXPECT_EQ(log_.dropped(), 1U);
  EXPECT_TRUE(log_.flush(kLong));
  EXPECT_TRUE(state_.lines.empty());
}

// Writes into a pipe until it is full, and then once more.
class PipeSink final : public LogSink {
 public:
  explicit PipeSink(int fd) : fd_(fd) {}
  void put(const LogLine&) override {
    while (::write(fd_, "x", 1) == 1) continue;
  }

 private:
  int fd_;
};

TEST(LogQueue, AFullPipeDoesNotHoldUpTheEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const util::UniqueFd reader(ends[0]);
  const util::UniqueFd writer(ends[1]);
  QueuedLogger log(std::make_unique<PipeSink>(writer.get()));
  log.log(LogLevel::info, "first");
  EXPECT_FALSE(log.flush(milliseconds(50)));
  EXPECT_TRUE(log.finish(milliseconds(50)));
}

}  // namespace
}  // namespace spliced::daemon
