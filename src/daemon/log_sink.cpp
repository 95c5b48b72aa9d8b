#include "log_sink.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "spliced/util/text.h"
#include "spliced/util/units.h"

namespace spliced::daemon {
namespace {

using util::LogField;
using util::LogLevel;

class JournalLogger final : public util::Logger {
 protected:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override {
    std::vector<std::string> entries{fmt::format("MESSAGE={}", message),
                                     fmt::format("PRIORITY={}", static_cast<int>(level)), "SYSLOG_IDENTIFIER=spliced"};
    for (const auto& field : fields) entries.push_back(fmt::format("SPLICED_{}={}", field.key, field.value));
    std::vector<iovec> iov;
    for (auto& entry : entries) iov.push_back({entry.data(), entry.size()});
    ::sd_journal_sendv(iov.data(), static_cast<int>(iov.size()));
  }
};

class StderrLogger final : public util::Logger {
 protected:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField>) override {
    const char* name = level == LogLevel::error     ? "error"
                       : level == LogLevel::warning ? "warning"
                       : level == LogLevel::debug   ? "debug"
                                                    : "info";
    const std::string line = fmt::format("{} {:7} {}\n", util::format_time(std::chrono::system_clock::now()), name,
                                         util::printable(message));
    const std::lock_guard lock(mutex_);
    [[maybe_unused]] const auto put = ::write(STDERR_FILENO, line.data(), line.size());
  }

 private:
  std::mutex mutex_;
};

// JOURNAL_STREAM holds device and inode of the journal's socket (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

}  // namespace

std::unique_ptr<util::Logger> make_logger() {
  if (stderr_is_journal()) return std::make_unique<JournalLogger>();
  return std::make_unique<StderrLogger>();
}

}  // namespace spliced::daemon
