// SPDX-License-Identifier: Apache-2.0
#include "workload_reader.h"

#include "until_form.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "data_reader.h"

namespace spliced::form {

using nlohmann::json;
using workload::Amount;
using workload::Distribution;

namespace {

bool are_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// "12" or "1.5": digits, and digits behind a point.
bool parse_decimal(std::string_view text, double& out) {
  const auto point = text.find('.');
  if (!are_digits(text.substr(0, point))) return false;
  if (point != text.npos && !are_digits(text.substr(point + 1))) return false;
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

void read_amount(JsonObjectReader& fields, const char* key, Amount& out) {
  const json* value = fields.find(key);
  if (value == nullptr) return;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (text.ends_with('%')) {
      double percent = 0;
      if (!parse_decimal(std::string_view(text).substr(0, text.size() - 1), percent)) {
        return fields.wrong(key, "a percentage such as \"50%\"", *value);
      }
      out = {true, 0, percent};
      return;
    }
    if (constexpr std::string_view kUpTo = "up to "; text.starts_with(kUpTo) && std::string_view(key) == "size") {
      const auto size = util::parse_size(std::string_view(text).substr(kUpTo.size()));
      size ? void(out = {false, *size, 0, true}) : fields.error(key, size.error().message);
      return;
    }
  }
  out.relative = false;
  fields.read_size(key, out.bytes);
}

void read_mode(JsonObjectReader& fields, workload::Mode& out) {
  const json* value = fields.find("rw");
  if (value != nullptr && *value == "readwrite") {
    out = workload::Mode::rw;
  } else {
    fields.read_name("rw", workload::kModeNames, out);
  }
}

// "uniform" (fio's "random" too), "zipf:1.2", "pareto:0.2", "normal:10".
void read_distribution(JsonObjectReader& fields, Distribution& out) {
  constexpr const char* kKey = "random_distribution";
  const json* value = fields.find(kKey);
  if (value == nullptr) return;
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  const auto colon = text.find(':');
  const std::string name = text.substr(0, colon);
  for (std::size_t i = 0; i < workload::kDistributionNames.size(); ++i) {
    if (name != workload::kDistributionNames[i] && !(i == 0 && name == "random")) continue;
    out.kind = static_cast<Distribution::Kind>(i);
    const bool wants_parameter = out.kind != Distribution::Kind::uniform;
    if (wants_parameter != (colon != text.npos)) break;
    if (!wants_parameter || parse_decimal(std::string_view(text).substr(colon + 1), out.parameter)) return;
    break;
  }
  fields.wrong(kKey, "\"uniform\", \"zipf:θ\", \"pareto:h\" or \"normal:σ\"", *value);
}

// null, as it is shown, for none.
void read_cpus(JsonObjectReader& fields, util::CpuList& out) {
  constexpr const char* kKey = "cpus_allowed";
  const json* value = fields.find(kKey);
  if (value == nullptr || value->is_null()) return;
  if (!value->is_string()) return fields.wrong(kKey, "a list of CPUs such as \"0-3,7\"", *value);
  auto list = util::parse_cpu_list(value->get<std::string>());
  list ? out = std::move(*list), void() : fields.error(kKey, list.error().message);
}

// One number for all, or an object with those of some ways in which data goes. `each` reads a member.
template <class Read>
bool read_per_op(JsonObjectReader& fields, const char* key, workload::PerOp& out, Read each) {
  const json* value = fields.find(key);
  if (value == nullptr || !value->is_object()) return false;
  fields.nested(key, [&](JsonObjectReader& inner) {
    each(inner, "read", out.read);
    each(inner, "write", out.write);
    each(inner, "trim", out.trim);
  });
  return true;
}

constexpr auto kReadSize = [](JsonObjectReader& fields, const char* key, std::uint64_t& out) {
  fields.read_size(key, out);
};
constexpr auto kReadCount = [](JsonObjectReader& fields, const char* key, std::uint64_t& out) {
  fields.read(key, out);
};

void read_block_sizes(JsonObjectReader& fields, workload::PerOp& out) {
  if (read_per_op(fields, "bs", out, kReadSize)) return;
  std::uint64_t all = out.read;
  fields.read_size("bs", all);
  out = all;
}

template <class Read>
void read_rate(JsonObjectReader& fields, const char* key, workload::RateLimit& out, Read each) {
  if (!read_per_op(fields, key, out.each, each)) each(fields, key, out.all);
}

}  // namespace

void read_workload(JsonObjectReader& fields, run::IoSpec& spec) {
  workload::WorkloadSpec& w = spec.workload;
  read_mode(fields, w.rw);
  fields.read("rwmixread", w.rwmixread);
  read_block_sizes(fields, w.bs);
  read_amount(fields, "offset", w.offset);
  read_amount(fields, "size", w.size);
  fields.read_duration("ramp_time", w.ramp_time);
  fields.read_duration("runtime", w.runtime);
  fields.read("time_based", w.time_based);
  fields.read("loops", w.loops);
  fields.read("workers", w.workers);
  fields.read("direct", w.direct);
  read_cpus(fields, w.cpus_allowed);
  read_rate(fields, "rate", w.rate, kReadSize);
  read_rate(fields, "rate_iops", w.rate_iops, kReadCount);
  fields.read_duration("thinktime", w.thinktime);
  fields.read("thinktime_blocks", w.thinktime_blocks);
  fields.read_seed("seed", w.seed);
  read_distribution(fields, w.distribution);
  fields.read("fsync", w.fsync);
  fields.read("fdatasync", w.fdatasync);
  fields.read("sync_file_range", w.sync_file_range);
  fields.read("end_fsync", w.end_fsync);
  read_payload(fields, spec.payload);
  read_inline(fields, spec);
  read_until(fields, spec.until);
}

void read_place(JsonObjectReader& fields, workload::WorkloadSpec& out) {
  read_block_sizes(fields, out.bs);
  read_amount(fields, "offset", out.offset);
  read_amount(fields, "size", out.size);
  fields.read("workers", out.workers);
  fields.read("direct", out.direct);
}

}  // namespace spliced::form
