// SPDX-License-Identifier: Apache-2.0
#include "verify_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "spliced/util/units.h"

namespace spliced::cli {
namespace {

constexpr std::size_t kRow = 16;         // bytes
constexpr std::size_t kMostListed = 10;  // unless verbose
constexpr std::size_t kMostRows = 8;     // of a dump, likewise

std::uint64_t number(const Json& object, const char* key) {
  return object.at(key).get<std::uint64_t>();
}

std::string kinds_text(const Json& mismatches) {
  std::string out;
  for (const auto& [kind, count] : mismatches.items()) {
    if (count.get<std::uint64_t>() == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get<std::uint64_t>(), kind);
  }
  return out.empty() ? "all right" : out;
}

std::string spaced(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += hex.substr(i, 2) + " ";
  return out;
}

unsigned byte_at(const std::string& hex, std::size_t index) {
  return static_cast<unsigned>(std::stoul(hex.substr(2 * index, 2), nullptr, 16));
}

// The bits that differ, and nothing where none does.
std::string difference(const std::string& expected, const std::string& found) {
  std::string out;
  for (std::size_t i = 0; 2 * i + 1 < std::min(expected.size(), found.size()); ++i) {
    const unsigned bits = byte_at(expected, i) ^ byte_at(found, i);
    out += bits == 0 ? " . " : fmt::format("{:02x} ", bits);
  }
  return out;
}

// Rows that differ, each with what was expected above what was found, and the bits between them below.
std::string dump_text(const Json& one, const Style& style, const std::string& indent) {
  const std::string expected = text_of(one, "dump_expected"), found = text_of(one, "dump_found");
  std::string out;
  std::size_t rows = 0;
  for (std::size_t at = 0; at < std::min(expected.size(), found.size()); at += 2 * kRow) {
    const std::string want = expected.substr(at, 2 * kRow), have = found.substr(at, 2 * kRow);
    if (want == have) continue;
    if (!style.verbose && ++rows > kMostRows) return out + indent + "more rows differ; -v shows them\n";
    out += fmt::format("{}{:>12}  expected {}\n", indent, number(one, "dump_offset") + at / 2, spaced(want));
    out += fmt::format("{}{:>12}  found    {}\n", indent, "", spaced(have));
    out += fmt::format("{}{:>12}  bits     {}\n", indent, "", difference(want, have));
  }
  return out;
}

std::string tag_text(const Json& tag) {
  if (!tag.is_object()) return "";
  return fmt::format("; found: pass {} of offset {}", number(tag, "pass"), number(tag, "offset"));
}

std::string miscompare_text(const Json& one, const Style& style, const std::string& indent, bool dump) {
  const Json& shift = one.at("shift_bytes");
  std::string out =
      fmt::format("{}{} at offset {}: bytes {} to {} of {}, {} bits{}{}", indent, text_of(one, "kind"),
                  number(one, "offset"), number(one, "first_byte"), number(one, "last_byte"), number(one, "length"),
                  number(one, "bits"), tag_text(one.at("found")),
                  shift != 0 ? fmt::format("; {:+} bytes beside its place", shift.get<std::int64_t>()) : "");
  const std::string finding = text_of(one, "finding");
  out += finding == "untried" ? "\n" : fmt::format("; {}\n", finding);
  for (const Json& again : one.at("rereads")) {
    if (style.verbose)
      out += fmt::format("{}  again by {}: {}\n", indent, text_of(again, "way"), text_of(again, "result"));
  }
  return dump ? out + dump_text(one, style, indent + "  ") : out;
}

}  // namespace

std::string verify_text(const Json& verify, const Style& style, const std::string& indent) {
  if (!verify.is_object()) return "";
  std::string out;
  if (verify.at("asked_for").get<bool>()) {
    out += fmt::format("{}checked {} in {} blocks: {}\n", indent, util::human_bytes(verify.at("bytes").get<double>()),
                       number(verify, "blocks"), kinds_text(verify.at("mismatches")));
  }
  if (verify.contains("kinds_not_told") && !verify.at("kinds_not_told").empty()) {
    out += fmt::format("{}without tags and headers, nobody can tell: {}\n", indent,
                       fmt::join(verify.at("kinds_not_told").get<std::vector<std::string>>(), ", "));
  }
  if (const auto ranges = number(verify, "indeterminate_ranges"); ranges != 0) {
    out += fmt::format("{}{} {} in doubt: a write failed or was given up, and {} read there {} not judged\n", indent,
                       ranges, ranges == 1 ? "place is" : "places are",
                       util::human_bytes(verify.at("indeterminate_bytes").get<double>()), "were");
  }
  if (const Json& shift = verify.at("shift_bytes"); shift.is_number()) {
    out +=
        fmt::format("{}all that is misdirected lies {:+} bytes beside its place\n", indent, shift.get<std::int64_t>());
  }
  for (const auto& [fault, count] : verify.at("host_faults").items()) {
    if (count != 0)
      out += fmt::format("{}this host is not to be trusted: {} {}\n", indent, count.get<std::uint64_t>(), fault);
  }
  std::size_t listed = 0;
  for (const Json& one : verify.at("miscompares")) {
    if (!style.verbose && listed == kMostListed) {
      out += fmt::format("{}{} more; -v lists them\n", indent, verify.at("miscompares").size() - listed);
      break;
    }
    out += miscompare_text(one, style, indent, style.verbose || listed == 0);
    ++listed;
  }
  return out;
}

}  // namespace spliced::cli
