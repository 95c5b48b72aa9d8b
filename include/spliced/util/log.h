// SPDX-License-Identifier: Apache-2.0
// Where events go. The daemon chooses the sink (journal or stderr) and hands it down; there is no global logger.
#pragma once
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "spliced/util/result.h"

namespace spliced::util {

// The numbers are those of syslog(3).
enum class LogLevel { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

struct LogField {
  std::string_view key;  // upper case, as the journal wants it: JOB_ID, DEVICE, ERRNO
  std::string value;
};

// Thread-safe. Never called on the path of an I/O. log() waits for nobody, whatever becomes of the lines: it is called
// under locks, and by threads that keep the daemon going.
class Logger {
 public:
  virtual ~Logger() = default;
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(level, message, std::span(fields.begin(), fields.size()));
  }
  // A key may come more than once.
  void log(LogLevel level, std::string_view message, std::span<const LogField> fields) {
    if (level <= level_.load(std::memory_order_relaxed)) write(level, message, fields);
  }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  // How many lines were dropped since the start, because nobody took them fast enough.
  [[nodiscard]] virtual std::uint64_t dropped() const { return 0; }

 protected:
  virtual void write(LogLevel level, std::string_view message, std::span<const LogField> fields) = 0;

 private:
  std::atomic<LogLevel> level_{LogLevel::info};
};

class NullLogger final : public Logger {
 protected:
  void write(LogLevel, std::string_view, std::span<const LogField>) override {}
};

// "error", "warning", "notice", "info" or "debug".
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);

}  // namespace spliced::util
