// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/units.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace spliced::util {
namespace {

struct Suffix {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKi = 1024;
constexpr auto kMaxBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::array<Suffix, 19> kSizes{{
    {"", 1},
    {"B", 1},
    {"k", kKi},
    {"K", kKi},
    {"KiB", kKi},
    {"M", kKi* kKi},
    {"MiB", kKi* kKi},
    {"G", kKi* kKi* kKi},
    {"GiB", kKi* kKi* kKi},
    {"T", kKi* kKi* kKi* kKi},
    {"TiB", kKi* kKi* kKi* kKi},
    {"kB", 1'000},
    {"KB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"m", kKi* kKi},
    {"g", kKi* kKi* kKi},
    {"t", kKi* kKi* kKi* kKi},
}};
constexpr std::array<Suffix, 8> kDurations{{
    {"", 1'000'000'000},
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
    {"d", 86'400'000'000'000},
}};
constexpr std::uint64_t kMaxNanos = 100ULL * 365 * 86'400 * 1'000'000'000;

template <std::size_t N>
const Suffix* find_suffix(const std::array<Suffix, N>& table, std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

struct Number {
  std::uint64_t whole = 0;  // exact when there is no fraction
  double value = 0;
  bool integral = true;
  std::string_view rest;
};

// An unsigned decimal number, with or without fraction, at the start of `text`.
bool split_number(std::string_view text, Number& out) {
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, out.whole);
  if (error != std::errc()) return false;
  out.value = static_cast<double>(out.whole);
  if (stop != end && *stop == '.') {
    auto [stop2, error2] = std::from_chars(text.data(), end, out.value, std::chars_format::fixed);
    if (error2 != std::errc() || stop2 <= stop + 1) return false;
    out.integral = false;
    stop = stop2;
  }
  out.rest = std::string_view(stop, static_cast<std::size_t>(end - stop));
  return true;
}

// number * factor, exact for whole numbers; nullopt above `max`.
std::optional<std::uint64_t> scale(const Number& number, std::uint64_t factor, std::uint64_t max) {
  if (number.integral) {
    if (number.whole > max / factor) return std::nullopt;
    return number.whole * factor;
  }
  const double value = number.value * static_cast<double>(factor);
  if (!(value < static_cast<double>(max))) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  Number number;
  const Suffix* suffix = split_number(text, number) ? find_suffix(kSizes, number.rest) : nullptr;
  if (suffix == nullptr || (!number.integral && suffix->factor == 1)) {
    return fail(Errc::invalid, fmt::format("\"{}\" is not a size; write bytes, or 64k, 1M, 2G, 1T, 4KiB, 10MB", text));
  }
  const auto bytes = scale(number, suffix->factor, kMaxBytes);
  if (!bytes) return fail(Errc::invalid, fmt::format("\"{}\" is larger than 2^63-1 bytes", text));
  return *bytes;
}

Result<Nanos> parse_duration(std::string_view text) {
  Number number;
  const Suffix* suffix = split_number(text, number) ? find_suffix(kDurations, number.rest) : nullptr;
  if (suffix == nullptr) {
    return fail(Errc::invalid,
                fmt::format("\"{}\" is not a duration; write seconds, or 500ms, 30s, 10m, 1h, 2d", text));
  }
  const auto nanos = scale(number, suffix->factor, kMaxNanos);
  if (!nanos) return fail(Errc::invalid, fmt::format("\"{}\" is longer than 100 years", text));
  return static_cast<Nanos>(*nanos);
}

Result<Nanos> seconds_to_nanos(double seconds) {
  if (!(seconds >= 0) || !(seconds * 1e9 <= static_cast<double>(kMaxNanos))) {
    return fail(Errc::invalid, fmt::format("{} is not a duration in seconds between 0 and 100 years", seconds));
  }
  return static_cast<Nanos>(std::llround(seconds * 1e9));
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> names{"T", "G", "M", "k"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::uint64_t unit = 1ULL << (10 * (4 - i));
    if (bytes != 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, names[i]);
  }
  return fmt::format("{}", bytes);
}

std::string format_duration(Nanos duration) {
  if (duration == 0) return "0";
  constexpr std::array<std::pair<std::string_view, Nanos>, 4> units{
      {{"s", kSecond}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};
  for (const auto& [name, unit] : units) {
    if (duration % unit == 0) return fmt::format("{}{}", duration / unit, name);
  }
  return {};
}

std::string human_bytes(double bytes) {
  constexpr std::array<std::string_view, 6> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < names.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, names[unit]);
}

std::string format_time(std::chrono::system_clock::time_point when) {
  using namespace std::chrono;
  const auto second = floor<seconds>(when);
  const auto millis = floor<milliseconds>(when - second).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(second)), millis);
}

std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text) {
  std::tm parts{};
  int millis = 0, end = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &parts.tm_year, &parts.tm_mon,
                               &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &millis, &end);
  if (read != 7 || static_cast<std::size_t>(end) != text.size()) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return std::chrono::system_clock::from_time_t(::timegm(&parts)) + std::chrono::milliseconds(millis);
}

}  // namespace spliced::util
