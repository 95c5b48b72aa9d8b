// SPDX-License-Identifier: Apache-2.0
// Bearer tokens, of which nothing but SHA-256 digests is kept.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/access/principal.h"
#include "spliced/util/result.h"

namespace spliced::access {

using Digest = std::array<std::uint8_t, 32>;
[[nodiscard]] Digest digest_of(std::string_view text);

struct TokenEntry {
  std::string name;
  Scope scope = Scope::none;
  Digest digest{};
  std::optional<std::chrono::sys_seconds> expires;
};

// Immutable once it is made, and thread-safe.
class TokenList {
 public:
  static constexpr std::size_t kMinTokenBytes = 16;
  static constexpr std::size_t kMaxTokens = 10'000;

  // The text of a token file. Either each line is "NAME SCOPE sha256:HEX [expires=2027-01-31T00:00:00Z]", but for empty
  // ones and those that begin with #; or the first line is a token as it is, with the name "token" and the scope
  // destroy. Errors name the line, and never quote it.
  [[nodiscard]] static util::Result<TokenList> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // The entry of a token; nullptr for none. Takes the same time wherever digests differ (CRYPTO_memcmp(3)).
  [[nodiscard]] const TokenEntry* find(std::string_view token) const;

 private:
  std::vector<TokenEntry> entries_;
};

// A line for the file, without its end.
[[nodiscard]] std::string token_line(const TokenEntry& entry);

}  // namespace spliced::access
