// SPDX-License-Identifier: Apache-2.0
#include "spliced/access/token_list.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <ctime>
#include <set>

namespace spliced::access {

using util::Errc;
using util::fail;

namespace {

constexpr std::string_view kScheme = "sha256:";
constexpr std::string_view kExpires = "expires=";
constexpr std::size_t kMaxName = 64;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto first = line.find_first_not_of(" \t");
    if (first == line.npos) return words;
    line.remove_prefix(first);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<Digest> parse_digest(std::string_view text) {
  Digest out{};
  if (!text.starts_with(kScheme) || text.size() != kScheme.size() + 2 * out.size()) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto value = [](char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    return digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = value(text[2 * i]);
    const auto low = value(text[2 * i + 1]);
    if (high == text.npos || low == text.npos) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return out;
}

// RFC 3339, in UTC and whole seconds: "2027-01-31T00:00:00Z".
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* const stop = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (stop == nullptr || *stop != '\0' || copy.size() != std::string_view("2027-01-31T00:00:00Z").size()) return {};
  const std::chrono::year_month_day day(std::chrono::year(parts.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(parts.tm_mon) + 1),
                                        std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) + std::chrono::minutes(parts.tm_min) +
         std::chrono::seconds(parts.tm_sec);
}

bool is_name(std::string_view text) {
  constexpr std::string_view others = "._-@";
  const auto fits = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || others.find(c) != others.npos;
  };
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), fits);
}

util::Result<TokenEntry> parse_line(std::size_t number, std::string_view line) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::invalid, fmt::format("line {}: {}", number, what));
  };
  const auto words = words_of(line);
  if (words.size() < 3 || words.size() > 4) {
    return wrong("NAME SCOPE sha256:HEX, and perhaps expires=TIME, are expected");
  }
  TokenEntry entry;
  if (!is_name(words[0])) return wrong(fmt::format("a name has 1 to {} letters, digits and any of . _ - @", kMaxName));
  entry.name = words[0];
  const auto scope = parse_scope(words[1]);
  if (!scope) return wrong("the scope is read, run or destroy");
  entry.scope = *scope;
  const auto digest = parse_digest(words[2]);
  if (!digest) return wrong("sha256: and 64 hexadecimal digits are expected, of the token without an end of line");
  entry.digest = *digest;
  if (words.size() == 3) return entry;
  entry.expires = words[3].starts_with(kExpires) ? parse_time(words[3].substr(kExpires.size())) : std::nullopt;
  if (!entry.expires) return wrong("the last word is a time in UTC such as expires=2027-01-31T00:00:00Z");
  return entry;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Digest digest_of(std::string_view text) {
  Digest out{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

util::Result<TokenList> TokenList::parse(std::string_view text) {
  TokenList out;
  const std::string_view first = text.substr(0, text.find('\n'));
  // A token as it is has no space in it (RFC 6750, 2.1), a line of the other form has.
  if (!first.empty() && first.front() != '#' && first.find_first_of(" \t") == first.npos) {
    if (first.size() < kMinTokenBytes) {
      return fail(Errc::invalid,
                  fmt::format("the first line has {} bytes; a token has {} or more", first.size(), kMinTokenBytes));
    }
    // Lines of the other form that something is missing of are no token.
    if (first.starts_with(kScheme)) return parse_line(1, first).map([](const TokenEntry&) { return TokenList(); });
    if (text.find(std::string(" ") + std::string(kScheme)) != text.npos) {
      return fail(Errc::invalid, "line 1: a token as it is stands alone; give NAME SCOPE sha256:HEX for each");
    }
    out.entries_.push_back({"token", Scope::destroy, digest_of(first), std::nullopt});
    return out;
  }
  std::set<std::string> names;
  std::set<Digest> digests;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (words_of(line).empty() || line.front() == '#') continue;
    auto entry = parse_line(number, line);
    if (!entry) return tl::unexpected(entry.error());
    if (!names.insert(entry->name).second || !digests.insert(entry->digest).second) {
      return fail(Errc::invalid, fmt::format("line {}: its name or its digest is that of an earlier line", number));
    }
    if (out.entries_.size() == kMaxTokens) return fail(Errc::invalid, fmt::format("more than {} tokens", kMaxTokens));
    out.entries_.push_back(std::move(*entry));
  }
  if (out.entries_.empty()) return fail(Errc::invalid, "there is no token in it");
  return out;
}

const TokenEntry* TokenList::find(std::string_view token) const {
  const Digest digest = digest_of(token);
  const TokenEntry* found = nullptr;
  for (const auto& entry : entries_) {
    if (::CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  }
  return found;
}

std::string token_line(const TokenEntry& entry) {
  std::string out = fmt::format("{} {} {}", entry.name, scope_name(entry.scope), kScheme);
  for (const std::uint8_t byte : entry.digest) out += fmt::format("{:02x}", byte);
  if (entry.expires) {
    out += fmt::format(" {}{:%Y-%m-%dT%H:%M:%SZ}", kExpires,
                       fmt::gmtime(static_cast<std::time_t>(entry.expires->time_since_epoch().count())));
  }
  return out;
}

}  // namespace spliced::access
