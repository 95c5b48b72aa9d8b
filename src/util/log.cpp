// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/log.h"

#include <fmt/format.h>

namespace spliced::util {

Result<LogLevel> parse_log_level(std::string_view text) {
  for (auto [name, level] : std::initializer_list<std::pair<std::string_view, LogLevel>>{{"error", LogLevel::error},
                                                                                         {"warning", LogLevel::warning},
                                                                                         {"notice", LogLevel::notice},
                                                                                         {"info", LogLevel::info},
                                                                                         {"debug", LogLevel::debug}}) {
    if (name == text) return level;
  }
  return fail(Errc::invalid, fmt::format("\"{}\" is not a log level; use error, warning, notice, info or debug", text));
}

}  // namespace spliced::util
