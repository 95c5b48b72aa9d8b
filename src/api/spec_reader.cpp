// SPDX-License-Identifier: Apache-2.0
#include "spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "json_object_reader.h"
#include "spliced/engine/kind.h"
#include "strict_json.h"

namespace spliced::api {

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

void read_workload(JsonObjectReader& fields, run::IoSpec& spec) {
  workload::WorkloadSpec& w = spec.workload;
  read_mode(fields, w.rw);
  fields.read("rwmixread", w.rwmixread);
  fields.read_size("bs", w.bs);
  read_amount(fields, "offset", w.offset);
  read_amount(fields, "size", w.size);
  fields.read_duration("runtime", w.runtime);
  fields.read("time_based", w.time_based);
  fields.read("loops", w.loops);
  fields.read("workers", w.workers);
  fields.read("direct", w.direct);
  read_cpus(fields, w.cpus_allowed);
  fields.read_size("rate", w.rate);
  fields.read("rate_iops", w.rate_iops);
  fields.read_duration("thinktime", w.thinktime);
  fields.read_seed("seed", w.seed);
  read_distribution(fields, w.distribution);
  fields.read("fsync", w.fsync);
  fields.read("fdatasync", w.fdatasync);
  fields.read("sync_file_range", w.sync_file_range);
  fields.read("end_fsync", w.end_fsync);
  fields.read_name("payload", verify::kPayloadNames, spec.payload);
}

// A number, or "auto" for 0.
void read_size_or_auto(JsonObjectReader& fields, const char* key, std::uint64_t& out) {
  const json* value = fields.find(key);
  if (value == nullptr || *value == "auto") return;
  std::uint64_t given = 1;
  fields.read_size(key, given);
  out = given;
  if (given == 0) fields.error(key, "0 is given; \"auto\" or a number above 0 is expected");
}

void read_options(JsonObjectReader& fields, engine::SpliceOptions& engine) {
  const json* path = fields.find("read_path");
  if (path != nullptr && *path != "auto") {
    engine::ReadPath pinned = engine::ReadPath::copy;
    fields.read_name("read_path", engine::kReadPathNames, pinned);
    engine.read_path = pinned;
  }
  read_size_or_auto(fields, "pipe_size", engine.pipe_size);
  read_size_or_auto(fields, "batch", engine.batch);
  fields.read("gift", engine.gift);
}

// It has none; those of another kind are told apart from what nobody knows.
void read_options(JsonObjectReader& fields, engine::PsyncOptions&) {
  for (const char* key : {"read_path", "pipe_size", "batch", "gift"}) {
    if (fields.find(key) != nullptr) fields.error(key, "is an option of the engine splice, and this job's is psync");
  }
}

// With every default, by the alternative.
template <std::size_t I = 0>
engine::Options make_options(std::size_t kind) {
  if constexpr (I + 1 < engine::kKinds) {
    return kind == I ? engine::Options(std::in_place_index<I>) : make_options<I + 1>(kind);
  } else {
    return engine::Options(std::in_place_index<I>);
  }
}

// Which kind it is decides which options there are.
void read_engine(JsonObjectReader& fields, engine::Options& out) {
  std::array<std::string_view, engine::kKinds> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = engine::kind_at(i).name();
  std::size_t kind = out.index();
  fields.read_name("kind", names, kind);
  if (kind != out.index()) out = make_options(kind);
  std::visit([&fields](auto& options) { read_options(fields, options); }, out);
}

void read_policy(JsonObjectReader& fields, run::ErrorPolicy& out) {
  fields.read("max_errors", out.max_errors);
  fields.read_duration("stall_timeout", out.stall_timeout);
}

// Engine and error policy, of the job or of a stage.
void read_means(JsonObjectReader& fields, engine::Options& engine, run::ErrorPolicy& policy) {
  fields.nested("engine", [&](JsonObjectReader& inner) { read_engine(inner, engine); });
  fields.nested("error_policy", [&](JsonObjectReader& inner) { read_policy(inner, policy); });
}

// What a stage does not say is the job's.
run::StageSpec read_stage(JsonObjectReader& fields, std::size_t index, const job::JobSpec& spec, SpecForm& form) {
  run::StageSpec out{fmt::format("stage-{}", index + 1), {}, spec.error_policy};
  fields.read("name", out.name);
  run::IoSpec io;
  io.engine = spec.engine;
  form.stages.push_back({fields.find("engine") != nullptr, fields.find("error_policy") != nullptr});
  read_means(fields, io.engine, out.error_policy);
  const json* wait = fields.find("wait");
  const json* workload = fields.find("workload");
  if ((wait != nullptr) == (workload != nullptr)) {
    fields.error(wait == nullptr ? "a stage needs a \"workload\" or a \"wait\""
                                 : "a stage is a \"workload\" or a \"wait\", not both");
  }
  if (wait != nullptr) {
    run::WaitSpec time;
    fields.read_duration("wait", time.time);
    out.what = time;
    if (form.stages.back().engine) fields.error("engine", "a stage that waits has no engine");
  } else {
    fields.nested("workload", [&](JsonObjectReader& inner) { read_workload(inner, io); });
    out.what = io;
  }
  return out;
}

void read_stages(JsonObjectReader& fields, job::JobSpec& spec, SpecForm& form) {
  const json* stages = fields.find("stages");
  form.one_workload = stages == nullptr;
  if (form.one_workload) {
    run::IoSpec io;
    io.engine = spec.engine;
    fields.nested("workload", [&](JsonObjectReader& inner) { read_workload(inner, io); });
    spec.stages = {{"workload", io, spec.error_policy}};
    return;
  }
  if (fields.find("workload") != nullptr)
    fields.error("workload", "a job has one \"workload\" or \"stages\", not both");
  spec.stages.clear();
  fields.nested_list("stages", [&](JsonObjectReader& inner, std::size_t index) {
    form.stages.resize(index);  // what is no object has no form
    spec.stages.push_back(read_stage(inner, index, spec, form));
  });
}

void read_job(JsonObjectReader& fields, job::JobSpec& spec, SpecForm& form) {
  fields.read("name", spec.name);
  fields.read("targets", spec.targets);
  read_means(fields, spec.engine, spec.error_policy);
  read_stages(fields, spec, form);
  fields.nested("criteria", [&](JsonObjectReader& inner) { inner.read("max_io_errors", spec.criteria.max_io_errors); });
  fields.read("destructive", spec.destructive);
  fields.read("allow_in_use", spec.allow_in_use);
  fields.read("overwrite_signatures", spec.overwrite_signatures);
}

bool starts_with_any(const std::vector<util::FieldError>& errors, const std::string& pointer) {
  return std::any_of(errors.begin(), errors.end(), [&](const auto& e) { return e.pointer.starts_with(pointer); });
}

// Adds what job::check_spec says, but not of fields that could not be read: those keep their default, and what the
// checks would say of it would only confuse.
void add_checks(const job::JobSpec& spec, const SpecForm& form, std::vector<util::FieldError>& errors) {
  const std::vector<util::FieldError> unread = errors;
  const auto is_unread = [&](const std::string& pointer) { return starts_with_any(unread, pointer); };
  const bool any_mode_unknown =
      std::any_of(unread.begin(), unread.end(), [](auto& error) { return error.pointer.ends_with("/rw"); });
  for (auto& error : form.with_pointers(job::check_spec(spec))) {
    const std::string& pointer = error.pointer;
    const std::string workload = pointer.substr(0, pointer.rfind('/'));
    const bool about_mode =
        pointer.ends_with("sync") || pointer.ends_with("/sync_file_range") || pointer.ends_with("/random_distribution");
    const bool about_modes = pointer == "/destructive" || pointer == "/allow_in_use";
    if (is_unread(pointer) || (about_mode && is_unread(workload + "/rw")) || (about_modes && any_mode_unknown))
      continue;
    errors.push_back(std::move(error));
  }
}

}  // namespace

tl::expected<ReadSpec, SpecError> read_spec(std::string_view body) {
  const auto document = parse_strict(body);
  if (!document) return tl::unexpected(SpecError{true, document.error().details});
  if (!document->is_object()) {
    return tl::unexpected(
        SpecError{false, {{"", fmt::format("{} is given; an object is expected", quote(*document))}}});
  }
  ReadSpec out;
  SpecError refused;
  JsonObjectReader fields(*document, "", refused.errors);
  read_job(fields, out.spec, out.form);
  fields.finish();
  add_checks(out.spec, out.form, refused.errors);
  if (!refused.errors.empty()) {
    refused.targets = std::move(out.spec.targets);
    return tl::unexpected(std::move(refused));
  }
  return out;
}

util::Result<job::JobSpec> read_spec_or_error(std::string_view body) {
  auto read = read_spec(body);
  if (read) return std::move(read->spec);
  util::Error error{util::Errc::invalid, {}, 0, std::move(read.error().errors)};
  for (const auto& field : error.details) {
    error.message += fmt::format("{}{}{}{}", error.message.empty() ? "" : "; ", field.pointer,
                                 field.pointer.empty() ? "" : ": ", field.detail);
  }
  return tl::unexpected(std::move(error));
}

}  // namespace spliced::api
