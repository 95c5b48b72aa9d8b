// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "spliced/util/log.h"

namespace spliced::daemon {

struct LogLine {
  util::LogLevel level = util::LogLevel::info;
  std::chrono::system_clock::time_point at;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Where lines end up. Used by one thread, which may block in it as long as the reader likes; a wake signal
// (util/threads.h) must get it out of a blocked call, with the line lost.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void put(const LogLine& line) = 0;
};

// Hands lines to a sink through a queue with a bound and a thread of its own. Beyond the bound lines are dropped and
// counted, and a line at their place says how many were. Thread-safe.
class QueuedLogger final : public util::Logger {
 public:
  static constexpr std::size_t kMaxLines = 4096;
  static constexpr std::size_t kMaxBytes = 4 << 20;  // of the text of the lines

  explicit QueuedLogger(std::unique_ptr<LogSink> sink);
  ~QueuedLogger() override;  // as finish(); waits for a sink that no signal gets out of its call

  [[nodiscard]] std::uint64_t dropped() const override { return dropped_; }
  // Waits until the sink has taken everything that was logged before; false: it has not within `limit`.
  bool flush(std::chrono::milliseconds limit);
  // flush(), then the end of the thread; what comes later is dropped. false: the kernel holds the thread in the sink,
  // and the process must end without joining it.
  [[nodiscard]] bool finish(std::chrono::milliseconds limit);

 protected:
  void write(util::LogLevel level, std::string_view message, std::span<const util::LogField> fields) override;

 private:
  struct Entry {
    LogLine line;
    std::uint64_t lost_before;
    std::size_t bytes;
  };
  void run();
  void tell_lost(std::uint64_t lost);

  const std::unique_ptr<LogSink> sink_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;  // guards the rest, for moments
  std::condition_variable changed_;
  std::deque<Entry> queue_;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;  // since the newest line of the queue
  bool writing_ = false;    // the thread is in the sink
  bool stopping_ = false;
  bool ended_ = false;
  std::jthread writer_;  // last: it uses everything above
};

}  // namespace spliced::daemon
