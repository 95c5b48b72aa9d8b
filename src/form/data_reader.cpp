// SPDX-License-Identifier: Apache-2.0
#include "data_reader.h"

#include <nlohmann/json.hpp>

#include "spliced/util/hex.h"
#include "workload_reader.h"

namespace spliced::form {

using nlohmann::json;

namespace {

constexpr std::string_view kPattern = "pattern:";
constexpr const char* kPayloads = "\"random\", \"zero\" or \"pattern:HEX\", such as \"pattern:aa55\"";

// Two digits a byte; fio's 0x before them is left out.
bool parse_pattern(std::string_view text, std::string& out) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  auto bytes = util::from_hex(text);
  if (!bytes || bytes->empty()) return false;
  out = std::move(*bytes);
  return true;
}

bool parse_payload(std::string_view text, verify::Payload& out) {
  if (text == "random" || text == "zero") {
    out.kind = text == "zero" ? verify::PayloadKind::zero : verify::PayloadKind::random;
    return true;
  }
  out.kind = verify::PayloadKind::pattern;
  return text.starts_with(kPattern) && parse_pattern(text.substr(kPattern.size()), out.pattern);
}

void read_payload_kind(JsonObjectReader& fields, verify::Payload& out) {
  const json* value = fields.find("payload");
  if (value == nullptr) return;
  verify::Payload read = out;
  if (value->is_string() && parse_payload(value->get_ref<const std::string&>(), read)) {
    out = read;
  } else {
    fields.wrong("payload", kPayloads, *value);
  }
}

// Bytes; 0 stays for what the daemon chooses.
void read_interval(JsonObjectReader& fields, std::uint32_t& out) {
  std::uint64_t bytes = out;
  fields.read_size("interval", bytes);
  if (bytes > verify::kLargestInterval || (fields.find("interval") != nullptr && bytes == 0)) {
    return fields.error("interval", "a power of two from 512 to 1073741824 is expected");
  }
  out = static_cast<std::uint32_t>(bytes);
}

void read_run_id(JsonObjectReader& fields, std::optional<verify::RunId>& out) {
  const json* value = fields.find("run_id");
  if (value == nullptr) return;
  if (value->is_string()) out = verify::run_id_of(value->get_ref<const std::string&>());
  if (!out) fields.wrong("run_id", "the run_id of a job, such as \"00112233-4455-6677-8899-aabbccddeeff\"", *value);
}

void read_only(JsonObjectReader& fields, run::VerifySpec& out) {
  run::CheckSpec& check = out.io.streams.front().io.check;
  read_run_id(fields, check.run);
  if (fields.find("seed") != nullptr) {
    std::uint64_t seed = 0;
    fields.read_seed("seed", seed);
    check.seed = seed;
  }
  fields.read("adopt", out.adopt);
  fields.read("complete", check.complete);
  if (fields.find("payload") != nullptr) {
    read_payload_kind(fields, check.payload.emplace());
  }
}

void refuse_with_only(JsonObjectReader& fields) {
  if (fields.find("interval") != nullptr)
    fields.error("interval", "with \"only\", the data itself tells its intervals; leave it out");
  if (fields.find("verify_distance") != nullptr)
    fields.error("verify_distance", "with \"only\", nothing is written that a cache could answer for; leave it out");
}

}  // namespace

void read_payload(JsonObjectReader& fields, verify::Payload& out) {
  read_payload_kind(fields, out);
  fields.read("compress", out.compress);
  fields.read("header", out.header);
}

void read_inline(JsonObjectReader& fields, run::IoSpec& out) {
  const json* value = fields.find("verify");
  if (value == nullptr || value->is_null()) return;
  constexpr const char* kExpected = "\"inline\", or an object such as {\"mode\": \"inline\", \"interval\": 4096}";
  if (!value->is_object()) {
    if (*value != "inline") return fields.wrong("verify", kExpected, *value);
    out.check.reads = run::CheckSpec::What::own;
    return;
  }
  fields.nested("verify", [&](JsonObjectReader& inner) {
    const json* mode = inner.find("mode");
    if (mode == nullptr || *mode != "inline") {
      inner.error("mode",
                  "\"inline\" is expected; what is read after a pass is a stage of its own, with \"verify\": "
                  "{\"of\": STAGE}");
    }
    out.check.reads = run::CheckSpec::What::own;
    read_interval(inner, out.payload.interval);
    inner.read_size("verify_distance", out.check.distance);
  });
}

void read_verify_stage(JsonObjectReader& fields, run::VerifySpec& out) {
  run::IoSpec& io = out.io.streams.front().io;
  io.workload.rw = workload::Mode::read;
  io.workload.bs = std::uint64_t{1} << 20;
  fields.nested("verify", [&](JsonObjectReader& inner) {
    inner.read("of", out.of);
    const bool only = inner.find("only") != nullptr;
    if (only == !out.of.empty()) {
      inner.error("a verify stage has either \"of\", the name of a stage that writes, or \"only\"");
    }
    io.check.reads = only ? run::CheckSpec::What::found : run::CheckSpec::What::own;
    inner.nested("only", [&](JsonObjectReader& innermost) { read_only(innermost, out); });
    if (only) {
      read_place(inner, io.workload);
      refuse_with_only(inner);
    } else {
      read_interval(inner, out.interval);
      inner.read_size("verify_distance", io.check.distance);
    }
  });
}

}  // namespace spliced::form
