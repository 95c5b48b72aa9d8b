// SPDX-License-Identifier: Apache-2.0
#include "log_sink.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "spliced/util/message_id.h"
#include "spliced/util/text.h"
#include "spliced/util/units.h"

namespace spliced::daemon {
namespace {

using util::LogLevel;

class JournalSink final : public LogSink {
 public:
  void put(const LogLine& line) override {
    std::vector<std::string> entries{fmt::format("MESSAGE={}", line.message),
                                     fmt::format("PRIORITY={}", static_cast<int>(line.level)),
                                     "SYSLOG_IDENTIFIER=spliced"};
    for (const auto& [key, value] : line.fields) {
      entries.push_back(fmt::format("{}{}={}", key == util::kMessageIdKey ? "" : "SPLICED_", key, value));
    }
    std::vector<iovec> iov;
    for (auto& entry : entries) iov.push_back({entry.data(), entry.size()});
    ::sd_journal_sendv(iov.data(), static_cast<int>(iov.size()));
  }
};

class StderrSink final : public LogSink {
 public:
  void put(const LogLine& line) override {
    const char* name = line.level == LogLevel::error     ? "error"
                       : line.level == LogLevel::warning ? "warning"
                       : line.level == LogLevel::debug   ? "debug"
                                                         : "info";
    const std::string text =
        fmt::format("{} {:7} {}\n", util::format_time(line.at), name, util::printable(line.message));
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t put = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (put < 0 && errno == EAGAIN) {  // somebody we share it with made it so
        pollfd fd{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&fd, 1, -1) == 1) continue;
      }
      if (put <= 0) return;  // nobody reads any more, or we are to leave
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
  }
};

// JOURNAL_STREAM holds device and inode of the journal's socket (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

}  // namespace

std::unique_ptr<QueuedLogger> make_logger() {
  if (stderr_is_journal()) return std::make_unique<QueuedLogger>(std::make_unique<JournalSink>());
  return std::make_unique<QueuedLogger>(std::make_unique<StderrSink>());
}

}  // namespace spliced::daemon
