// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <charconv>

#include "criteria_form.h"
#include "render.h"
#include "spliced/engine/kind.h"
#include "spliced/util/hex.h"
#include "spliced/util/units.h"
#include "until_form.h"

namespace spliced::form {
namespace {

using util::format_duration;
using util::format_size;

// As it may be given: without an exponent, and so that it comes out as the same number. The longest has a denormal's
// digits.
std::string decimal(double value) {
  std::array<char, 1100> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return {text.data(), end};
}

Json amount(const workload::Amount& value) {
  if (value.relative) return decimal(value.percent) + "%";
  if (value.at_most) return "up to " + format_size(value.bytes);
  return value.bytes;
}

Json size_or_auto(std::uint64_t value) {
  if (value == 0) return "auto";
  return value;
}

std::string distribution(const workload::Distribution& value) {
  const auto name = workload::kDistributionNames[static_cast<std::size_t>(value.kind)];
  if (value.kind == workload::Distribution::Kind::uniform) return std::string(name);
  return fmt::format("{}:{}", name, decimal(value.parameter));
}

Json cpus(const util::CpuList& list) {
  if (list.empty()) return nullptr;
  return util::format_cpu_list(list);
}

// One for all where it is one.
Json block_sizes(const workload::PerOp& bs) {
  if (bs == workload::PerOp(bs.read)) return format_size(bs.read);
  return {{"read", format_size(bs.read)}, {"write", format_size(bs.write)}, {"trim", format_size(bs.trim)}};
}

template <class Format>
Json rate(const workload::RateLimit& limit, Format format) {
  const workload::PerOp& each = limit.each;
  if (each == workload::PerOp()) return format(limit.all);
  return {{"read", format(each.read)}, {"write", format(each.write)}, {"trim", format(each.trim)}};
}

std::string payload_of(const verify::Payload& payload) {
  if (payload.kind != verify::PayloadKind::pattern) {
    return std::string(verify::kPayloadKindNames[static_cast<std::size_t>(payload.kind)]);
  }
  return "pattern:" + util::to_hex(payload.pattern);
}

// What is left to the daemon is left out, so that it can be given again.
void add_distances(std::uint32_t interval, std::uint64_t distance, Json& out) {
  if (interval != 0) out["interval"] = interval;
  if (distance != 0) out["verify_distance"] = distance;
}

Json inline_of(const run::IoSpec& spec) {
  if (!run::checks_reads(spec)) return nullptr;
  Json out = {{"mode", "inline"}};
  add_distances(spec.payload.interval, spec.check.distance, out);
  return out;
}

Json only_of(const run::VerifySpec& what) {
  const run::CheckSpec& check = what.io.streams.front().io.check;
  Json out = {{"adopt", what.adopt}, {"complete", check.complete}};
  if (check.run) {
    out["run_id"] = util::format_uuid(*check.run);
  }
  if (check.seed) out["seed"] = *check.seed;
  if (check.payload) out["payload"] = payload_of(*check.payload);
  return out;
}

Json workload_of(const run::IoSpec& spec) {
  const workload::WorkloadSpec& w = spec.workload;
  return {{"rw", workload::kModeNames[static_cast<std::size_t>(w.rw)]},
          {"rwmixread", w.rwmixread},
          {"bs", block_sizes(w.bs)},
          {"offset", amount(w.offset)},
          {"size", amount(w.size)},
          {"ramp_time", format_duration(w.ramp_time)},
          {"runtime", format_duration(w.runtime)},
          {"time_based", w.time_based},
          {"loops", w.loops},
          {"workers", w.workers},
          {"direct", w.direct},
          {"cpus_allowed", cpus(w.cpus_allowed)},
          {"rate", rate(w.rate, [](std::uint64_t bytes) { return Json(format_size(bytes)); })},
          {"rate_iops", rate(w.rate_iops, [](std::uint64_t count) { return Json(count); })},
          {"thinktime", format_duration(w.thinktime)},
          {"thinktime_blocks", w.thinktime_blocks},
          {"seed", w.seed},
          {"random_distribution", distribution(w.distribution)},
          {"fsync", w.fsync},
          {"fdatasync", w.fdatasync},
          {"sync_file_range", w.sync_file_range},
          {"end_fsync", w.end_fsync},
          {"payload", payload_of(spec.payload)},
          {"compress", spec.payload.compress},
          {"header", spec.payload.header},
          {"verify", inline_of(spec)},
          {"until", render_until(spec.until)}};
}

Json options_of(const engine::SpliceOptions& options) {
  const auto& path = options.read_path;
  return {{"read_path", path ? engine::kReadPathNames[static_cast<std::size_t>(*path)] : "auto"},
          {"pipe_size", size_or_auto(options.pipe_size)},
          {"batch", size_or_auto(options.batch)},
          {"gift", options.gift}};
}
Json options_of(const engine::PsyncOptions&) {
  return Json::object();
}

Json engine_of(const engine::Options& options) {
  Json out = {{"kind", engine::kind_of(options).name()}};
  out.update(std::visit([](const auto& one) { return options_of(one); }, options));
  return out;
}

Json policy_of(const run::ErrorPolicy& policy) {
  return {{"max_errors", policy.max_errors}, {"stall_timeout", format_duration(policy.stall_timeout)}};
}

Json stages_of(const std::vector<run::StageSpec>& stages);

void add_what(const run::StreamsSpec& what, Json& out) {
  out["engine"] = engine_of(what.streams.front().io.engine);
  if (run::is_one_workload(what)) {
    out["workload"] = workload_of(what.streams.front().io);
    return;
  }
  out["ramp_time"] = format_duration(what.ramp_time);
  out["runtime"] = format_duration(what.runtime);
  for (const auto& stream : what.streams) {
    out["streams"].push_back({{"name", stream.name},
                              {"start_delay", format_duration(stream.start_delay)},
                              {"workload", workload_of(stream.io)}});
  }
}
void add_what(const run::VerifySpec& what, Json& out) {
  const run::IoSpec& io = what.io.streams.front().io;
  out["engine"] = engine_of(io.engine);
  Json check = Json::object();
  if (what.of.empty()) {
    check["only"] = only_of(what);
    check["bs"] = block_sizes(io.workload.bs);
    check["offset"] = amount(io.workload.offset);
    check["size"] = amount(io.workload.size);
    check["workers"] = io.workload.workers;
    check["direct"] = io.workload.direct;
  } else {
    check["of"] = what.of;
  }
  add_distances(what.interval, io.check.distance, check);
  out["verify"] = std::move(check);
}
void add_what(const run::WaitSpec& what, Json& out) {
  out["wait"] = format_duration(what.time);
}
void add_what(const run::RereadSpec&, Json&) {}  // no client writes it
void add_what(const run::RepeatSpec& what, Json& out) {
  out["repeat"] = {{"times", what.times}, {"stages", stages_of(what.stages)}};
}

Json stages_of(const std::vector<run::StageSpec>& stages) {
  Json list = Json::array();
  for (const auto& stage : stages) {
    Json one = {{"name", stage.name}, {"error_policy", policy_of(stage.error_policy)}};
    if (stage.criteria) one["criteria"] = render_stage_criteria(*stage.criteria);
    std::visit([&one](const auto& what) { add_what(what, one); }, stage.what);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

Json render_spec(const plan::JobSpec& spec) {
  return {{"name", spec.name},
          {"recipe", spec.recipe.empty() ? Json() : Json(spec.recipe)},
          {"parameters", spec.recipe_parameters.empty() ? Json() : Json::parse(spec.recipe_parameters, nullptr, false)},
          {"targets", spec.targets},
          {"stages", stages_of(spec.stages)},
          {"engine", engine_of(spec.engine)},
          {"error_policy", policy_of(spec.error_policy)},
          {"criteria", render_criteria(spec.criteria)},
          {"destructive", spec.destructive},
          {"confirm", spec.confirm},
          {"on_restart", plan::kOnRestartNames[static_cast<std::size_t>(spec.on_restart)]},
          {"queue", spec.queue},
          {"allow_in_use", spec.allow_in_use},
          {"overwrite_signatures", spec.overwrite_signatures}};
}

}  // namespace spliced::form
