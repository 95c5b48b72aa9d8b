// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace spliced::device {

// The only targets the daemon may open. Patterns are those of glob(7), where `*` crosses no `/` and matches no leading
// period; one that ends in `/` allows everything below that directory. No pattern: nothing is allowed. Immutable.
class AllowList {
 public:
  AllowList() = default;
  explicit AllowList(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}
  [[nodiscard]] bool allows(std::string_view path) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace spliced::device
