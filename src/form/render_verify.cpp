// SPDX-License-Identifier: Apache-2.0
#include "render_verify.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "figures_reader.h"
#include "spliced/util/hex.h"
#include "spliced/util/names.h"
#include "spliced/util/units.h"

namespace spliced::form {

using verify::Kind;

namespace {

std::string hex64(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}
std::uint64_t number_of(const std::string& hex) {
  std::uint64_t out = 0;
  (void)std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

std::string_view name_of(Kind kind) {
  return verify::kKindNames[static_cast<std::size_t>(kind)];
}

Json tag_or_null(const std::optional<verify::Tag>& tag) {
  if (!tag) return nullptr;
  return {{"offset", tag->offset},
          {"pass", tag->pass},
          {"generation", tag->generation},
          {"job", hex64(tag->job)},
          {"device", hex64(tag->device)}};
}

Json header_or_null(const std::optional<verify::Header>& header) {
  if (!header) return nullptr;
  return {{"run_id", util::format_uuid(header->origin.run)},
          {"device", hex64(header->origin.device)},
          {"offset", header->offset},
          {"pass", header->pass},
          {"generation", header->generation},
          {"seed", header->origin.seed}};
}

Json sectors_of(const verify::IntervalDamage& damage) {
  Json list = Json::array();
  for (const auto& sector : damage.sectors) {
    Json one = {{"offset", sector.offset},           {"kind", name_of(sector.kind)}, {"damaged", sector.damaged},
                {"first_byte", sector.first},        {"last_byte", sector.last},     {"bits", sector.bits},
                {"found", tag_or_null(sector.found)}};
    if (sector.kind == Kind::torn) one["torn_at"] = sector.torn_at;
    if (sector.repeated) one["byte"] = std::to_integer<unsigned>(*sector.repeated);
    list.push_back(std::move(one));
  }
  return list;
}

Json miscompare(const run::Miscompare& one) {
  Json rereads = Json::array();
  for (const auto& again : one.rereads) rereads.push_back({{"way", again.way}, {"result", again.result}});
  return {{"at", util::format_time(one.at)},
          {"offset", one.damage.offset},
          {"length", one.damage.length},
          {"kind", name_of(one.damage.kind)},
          {"expected", tag_or_null(one.damage.expected)},
          {"found", tag_or_null(one.damage.found)},
          {"found_header", header_or_null(one.damage.header)},
          {"other_device", one.damage.other_device},
          {"other_job", one.damage.other_job},
          {"shift_bytes", one.damage.shift},
          {"first_byte", one.first},
          {"last_byte", one.last},
          {"bits", one.bits},
          {"sectors", sectors_of(one.damage)},
          {"sectors_omitted", one.damage.sectors_omitted},
          {"dump_offset", one.dump_offset},
          {"dump_expected", util::to_hex(one.expected)},
          {"dump_found", util::to_hex(one.found)},
          {"finding", run::kFindingNames[static_cast<std::size_t>(one.finding)]},
          {"rereads", rereads}};
}

std::optional<verify::Tag> read_tag(const Json& from) {
  if (from.empty()) return std::nullopt;
  verify::Tag out;
  std::uint64_t pass = 0, generation = 0;
  std::string job, device;
  read_member(from, "offset", out.offset);
  read_member(from, "pass", pass);
  read_member(from, "generation", generation);
  read_member(from, "job", job);
  read_member(from, "device", device);
  out.pass = static_cast<std::uint32_t>(pass);
  out.generation = static_cast<std::uint32_t>(generation);
  out.job = number_of(job);
  out.device = number_of(device);
  return out;
}

std::optional<verify::Header> read_found_header(const Json& from) {
  if (from.empty()) return std::nullopt;
  verify::Header out;
  std::uint64_t pass = 0, generation = 0;
  std::string run, device;
  read_member(from, "run_id", run);
  read_member(from, "device", device);
  read_member(from, "offset", out.offset);
  read_member(from, "pass", pass);
  read_member(from, "generation", generation);
  read_member(from, "seed", out.origin.seed);
  out.origin.run = verify::run_id_of(run).value_or(verify::RunId{});
  out.origin.device = number_of(device);
  out.pass = static_cast<std::uint32_t>(pass);
  out.generation = static_cast<std::uint32_t>(generation);
  return out;
}

void read_small(const Json& from, const char* key, std::uint32_t& out) {
  std::uint64_t value = out;
  read_member(from, key, value);
  out = static_cast<std::uint32_t>(value);
}

Kind kind_in(const Json& from) {
  std::string name;
  read_member(from, "kind", name);
  return util::named(verify::kKindNames, name, Kind::ok);
}

verify::SectorDamage read_sector(const Json& from) {
  verify::SectorDamage out;
  read_member(from, "offset", out.offset);
  out.kind = kind_in(from);
  read_member(from, "damaged", out.damaged);
  read_small(from, "first_byte", out.first);
  read_small(from, "last_byte", out.last);
  read_small(from, "bits", out.bits);
  read_small(from, "torn_at", out.torn_at);
  out.found = read_tag(object_in(from, "found"));
  if (from.contains("byte")) {
    std::uint64_t byte = 0;
    read_member(from, "byte", byte);
    out.repeated = static_cast<std::byte>(byte);
  }
  return out;
}

void read_signed(const Json& from, const char* key, std::int64_t& out) {
  const auto value = from.find(key);
  if (value != from.end() && value->is_number_integer()) out = value->get<std::int64_t>();
}

run::Miscompare read_miscompare(const Json& from) {
  run::Miscompare out;
  std::string at, expected, found, finding;
  read_member(from, "at", at);
  if (const auto when = util::parse_time(at)) out.at = *when;
  read_member(from, "offset", out.damage.offset);
  read_member(from, "length", out.damage.length);
  out.damage.kind = kind_in(from);
  out.damage.expected = read_tag(object_in(from, "expected")).value_or(verify::Tag{});
  out.damage.found = read_tag(object_in(from, "found"));
  out.damage.header = read_found_header(object_in(from, "found_header"));
  read_member(from, "other_device", out.damage.other_device);
  read_member(from, "other_job", out.damage.other_job);
  read_signed(from, "shift_bytes", out.damage.shift);
  read_member(from, "first_byte", out.first);
  read_member(from, "last_byte", out.last);
  read_member(from, "bits", out.bits);
  for (const Json& sector : array_in(from, "sectors")) out.damage.sectors.push_back(read_sector(sector));
  read_member(from, "dump_offset", out.dump_offset);
  read_member(from, "dump_expected", expected);
  read_member(from, "dump_found", found);
  out.expected = util::from_hex(expected).value_or("");
  out.found = util::from_hex(found).value_or("");
  read_member(from, "finding", finding);
  out.finding = util::named(run::kFindingNames, finding, out.finding);
  for (const Json& again : array_in(from, "rereads")) {
    run::Reread& one = out.rereads.emplace_back();
    read_member(again, "way", one.way);
    read_member(again, "result", one.result);
  }
  return out;
}

}  // namespace

Json render_verify(const run::VerifySnapshot& verify) {
  if (!verify.asked_for && verify.indeterminate_ranges == 0 && verify.host_fault_count() == 0) return nullptr;
  Json mismatches, faults, passes = Json::object(), indeterminate = Json::array(), list = Json::array();
  for (std::size_t i = 0; i < verify.mismatches.size(); ++i) {
    mismatches[std::string(verify::kKindNames[i])] = verify.mismatches[i];
  }
  for (std::size_t i = 0; i < verify.host_faults.size(); ++i) {
    faults[std::string(run::kHostFaultNames[i])] = verify.host_faults[i];
  }
  for (const auto& [pass, bytes] : verify.passes) passes[std::to_string(pass)] = bytes;
  for (const auto& range : verify.indeterminate) {
    indeterminate.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  for (const auto& one : verify.miscompares) list.push_back(miscompare(one));
  Json untold = Json::array();
  for (const Kind kind : verify::kKindsOfMarkedData) {
    if (verify.unmarked) untold.push_back(name_of(kind));
  }
  Json out = {{"asked_for", verify.asked_for},
              {"bytes", verify.bytes},
              {"blocks", verify.blocks},
              {"mismatches", mismatches},
              {"mismatched_bytes", verify.mismatched_bytes},
              {"kinds_not_told", untold},
              {"indeterminate_ranges", verify.indeterminate_ranges},
              {"indeterminate_bytes", verify.indeterminate_bytes},
              {"indeterminate", indeterminate},
              {"unread_bytes", verify.unread_bytes},
              {"unwritten_bytes", verify.unwritten_bytes},
              {"untraced_bytes", verify.untraced_bytes},
              {"cache_suspect_bytes", verify.cache_suspect_bytes},
              {"host_faults", faults},
              {"run_id", nullptr},
              {"seed", nullptr},
              {"passes", passes},
              {"shift_bytes", nullptr},
              {"miscompares", list},
              {"miscompares_omitted", verify.miscompares_omitted}};
  if (!verify.adopted_run_id.empty()) out["run_id"] = verify.adopted_run_id;
  if (verify.adopted_seed) out["seed"] = *verify.adopted_seed;
  if (verify.shift) out["shift_bytes"] = *verify.shift;
  return out;
}

void read_verify(const Json& from, run::VerifySnapshot& out) {
  read_member(from, "asked_for", out.asked_for);
  read_member(from, "bytes", out.bytes);
  read_member(from, "blocks", out.blocks);
  for (std::size_t i = 0; i < out.mismatches.size(); ++i) {
    read_member(object_in(from, "mismatches"), std::string(verify::kKindNames[i]).c_str(), out.mismatches[i]);
  }
  read_member(from, "mismatched_bytes", out.mismatched_bytes);
  out.unmarked = !array_in(from, "kinds_not_told").empty();
  read_member(from, "indeterminate_ranges", out.indeterminate_ranges);
  read_member(from, "indeterminate_bytes", out.indeterminate_bytes);
  for (const Json& range : array_in(from, "indeterminate")) {
    run::DoubtfulRange& one = out.indeterminate.emplace_back();
    read_member(range, "offset", one.offset);
    read_member(range, "length", one.length);
  }
  read_member(from, "unread_bytes", out.unread_bytes);
  read_member(from, "unwritten_bytes", out.unwritten_bytes);
  read_member(from, "untraced_bytes", out.untraced_bytes);
  read_member(from, "cache_suspect_bytes", out.cache_suspect_bytes);
  for (std::size_t i = 0; i < out.host_faults.size(); ++i) {
    read_member(object_in(from, "host_faults"), std::string(run::kHostFaultNames[i]).c_str(), out.host_faults[i]);
  }
  read_member(from, "run_id", out.adopted_run_id);
  if (const auto seed = from.find("seed"); seed != from.end() && seed->is_number_unsigned()) {
    out.adopted_seed = seed->get<std::uint64_t>();
  }
  for (const auto& [pass, bytes] : object_in(from, "passes").items()) {
    std::uint32_t number = 0;
    const bool good = std::from_chars(pass.data(), pass.data() + pass.size(), number).ec == std::errc();
    if (good && bytes.is_number_unsigned()) out.passes[number] = bytes.get<std::uint64_t>();
  }
  std::int64_t shift = 0;
  read_signed(from, "shift_bytes", shift);
  if (shift != 0) out.shift = shift;
  for (const Json& one : array_in(from, "miscompares")) out.miscompares.push_back(read_miscompare(one));
  read_member(from, "miscompares_omitted", out.miscompares_omitted);
}

}  // namespace spliced::form
