// SPDX-License-Identifier: Apache-2.0
#include "log_queue.h"

#include <fmt/format.h>

#include "spliced/util/threads.h"

namespace spliced::daemon {

using util::LogLevel;

namespace {

constexpr std::chrono::milliseconds kLastFlush{1000};
constexpr int kWakeUps = 50;  // signals to a thread that is to leave its sink, one every 10 ms
constexpr std::chrono::milliseconds kWakePause{10};

std::size_t text_size(const LogLine& line) {
  std::size_t bytes = line.message.size();
  for (const auto& [key, value] : line.fields) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

QueuedLogger::QueuedLogger(std::unique_ptr<LogSink> sink) : sink_(std::move(sink)) {
  util::install_wake_handler();
  writer_ = std::jthread([this] { run(); });
}

QueuedLogger::~QueuedLogger() {
  [[maybe_unused]] const bool ended = finish(kLastFlush);
}

void QueuedLogger::write(LogLevel level, std::string_view message, std::span<const util::LogField> fields) {
  LogLine line{level, std::chrono::system_clock::now(), std::string(message), {}};
  for (const auto& field : fields) line.fields.emplace_back(field.key, field.value);
  const std::size_t bytes = text_size(line);
  const std::lock_guard lock(mutex_);
  if (stopping_ || queue_.size() >= kMaxLines || bytes_ + bytes > kMaxBytes) {
    ++dropped_;
    ++lost_;
    return;
  }
  bytes_ += bytes;
  queue_.push_back({std::move(line), std::exchange(lost_, 0), bytes});
  changed_.notify_all();
}

void QueuedLogger::run() {
  util::name_this_thread("log");
  util::raise_priority();
  util::accept_wake_signal();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty() || lost_ > 0; });
    if (stopping_) break;
    Entry next{{}, lost_, 0};
    const bool has_line = !queue_.empty();
    if (has_line) {
      next = std::move(queue_.front());
      queue_.pop_front();
    } else {
      lost_ = 0;
    }
    writing_ = true;
    lock.unlock();
    if (next.lost_before > 0) tell_lost(next.lost_before);
    if (has_line) sink_->put(next.line);
    lock.lock();
    writing_ = false;
    bytes_ -= next.bytes;
    changed_.notify_all();
  }
  ended_ = true;
  changed_.notify_all();
}

void QueuedLogger::tell_lost(std::uint64_t lost) {
  sink_->put({LogLevel::warning,
              std::chrono::system_clock::now(),
              fmt::format("{} lines of the log were dropped: whoever reads it did not take them", lost),
              {}});
}

bool QueuedLogger::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return ended_ || (queue_.empty() && lost_ == 0 && !writing_); });
}

bool QueuedLogger::finish(std::chrono::milliseconds limit) {
  flush(limit);
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  // A signal that comes just before the blocking call is lost, hence several.
  for (int i = 0; i < kWakeUps && !ended_; ++i) {
    if (writing_) util::wake_thread(writer_.native_handle());
    changed_.wait_for(lock, kWakePause, [this] { return ended_; });
  }
  return ended_;
}

}  // namespace spliced::daemon
