// SPDX-License-Identifier: Apache-2.0
// Who asks, and what they may do. One table for every door: HTTP and D-Bus.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spliced::access {

// Each includes those before it.
enum class Scope : std::uint8_t {
  none,
  read,     // looks at everything
  run,      // jobs that write nothing, and control of one's own jobs
  destroy,  // everything
};
inline constexpr std::array<std::string_view, 4> kScopeNames{"none", "read", "run", "destroy"};
[[nodiscard]] constexpr std::string_view scope_name(Scope scope) {
  return kScopeNames[static_cast<std::size_t>(scope)];
}
// "read", "run" or "destroy"; nothing for another word.
[[nodiscard]] std::optional<Scope> parse_scope(std::string_view text);

// The name is what the job and the log keep: "uid:1000" at either door of this machine, "token:NAME",
// "cert:DNS:ops.example", "anonymous" where the daemon was told to ask nobody. It is never a secret.
struct Principal {
  std::string name;
  Scope scope = Scope::none;

  [[nodiscard]] bool may(Scope needed) const { return scope >= needed; }
  // Stopping and forgetting a job: one's own takes `run`, another's `destroy`. `created_by` is "" where it is not
  // known.
  [[nodiscard]] bool may_control(std::string_view created_by) const {
    return may(Scope::destroy) || (may(Scope::run) && !created_by.empty() && created_by == name);
  }
};

// The daemon itself.
[[nodiscard]] inline Principal itself() {
  return {"spliced", Scope::destroy};
}
// Whoever comes to a door where nobody is asked.
[[nodiscard]] inline Principal anonymous(Scope scope) {
  return {"anonymous", scope};
}

}  // namespace spliced::access
