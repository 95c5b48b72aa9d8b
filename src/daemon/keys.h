// SPDX-License-Identifier: Apache-2.0
// The one table of what can be set. Flags, the configuration file, --help and the documentation come from it.
#pragma once
#include <span>
#include <string>
#include <variant>

#include "config.h"

namespace spliced::daemon {

struct Key {
  using Member = std::variant<CommandLine::Text CommandLine::*, CommandLine::Texts CommandLine::*,
                              CommandLine::Number CommandLine::*, std::optional<bool> CommandLine::*>;
  const char* name;   // in the file; the flag has - for _
  const char* type;   // of its value, or of each of them
  const char* range;  // what is taken, for readers
  const char* otherwise;
  const char* meaning;
  const char* changes;  // when a change takes effect: "reload" or "restart"
  Member member;

  [[nodiscard]] std::string flag() const;  // "--token-file"
  [[nodiscard]] bool repeats() const { return std::holds_alternative<CommandLine::Texts CommandLine::*>(member); }
};

[[nodiscard]] std::span<const Key> keys();

// All of them as a table of Markdown, and for the manual.
[[nodiscard]] std::string keys_table();
[[nodiscard]] std::string keys_manual();

}  // namespace spliced::daemon
