// SPDX-License-Identifier: Apache-2.0
#include "render.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "criteria_form.h"
#include "evidence_form.h"
#include "render_engine.h"
#include "render_verify.h"
#include "spliced/util/units.h"

namespace spliced::form {

Json verdict_of(verdict::Verdict value) {
  if (value == verdict::Verdict::none) return nullptr;
  return verdict::kVerdictNames[static_cast<std::size_t>(value)];
}

Json number_or_null(const std::optional<double>& value) {
  if (!value) return nullptr;
  return *value;
}

Json text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return text;
}

namespace {

using verdict::DeviceSnapshot;

Json operation(const run::OpSnapshot& op) {
  const run::LatencySummary& l = op.latency;
  return {{"bytes", op.bytes},
          {"operations", op.operations},
          {"operations_across_pause", op.across_pause},
          {"operations_across_flush", op.across_flush},
          {"errors", op.errors},
          {"bytes_per_second", op.bytes_per_second},
          {"operations_per_second", op.operations_per_second},
          {"latency_seconds",
           {{"mean", l.mean},
            {"p50", l.p50},
            {"p90", l.p90},
            {"p99", l.p99},
            {"p999", l.p999},
            {"p9999", number_or_null(l.p9999)},
            {"p99999", number_or_null(l.p99999)},
            {"p999999", number_or_null(l.p999999)},
            {"max", l.max}}}};
}

Json errors_of(const run::StageSnapshot& stage) {
  Json list = Json::array();
  for (const auto& error : stage.errors) {
    list.push_back({{"op", util::op_name(error.op)},
                    {"offset", error.offset},
                    {"length", error.length},
                    {"errno", error.error},
                    {"count", error.count},
                    {"message", error.message}});
  }
  return list;
}

Json kernel_of(const std::optional<device::KernelCounters>& kernel) {
  if (!kernel) return nullptr;
  return {{"read_bytes", kernel->read_bytes},    {"read_operations", kernel->read_ios},
          {"write_bytes", kernel->write_bytes},  {"write_operations", kernel->write_ios},
          {"trim_bytes", kernel->discard_bytes}, {"trim_operations", kernel->discard_ios}};
}

}  // namespace

std::string to_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

// What a stage and all of them together have in common.
Json figures_of(const run::StageSnapshot& stage) {
  Json io;
  for (std::size_t i = 0; i < util::kOpClasses; ++i) io[std::string(util::kOpClassNames[i])] = operation(stage.ops[i]);
  return {{"state", run::state_name(stage.state)},
          {"reason", text_or_null(stage.reason)},
          {"progress", stage.progress},
          {"eta_seconds", number_or_null(stage.eta_seconds)},
          {"ramping", stage.ramping},
          {"offset_bytes", stage.range.offset},
          {"size_bytes", stage.range.size},
          {"io", io},
          {"cpu_wait_seconds", number_or_null(stage.cpu_wait_seconds)},
          {"engine", render_engine(stage)},
          {"verify", render_verify(stage.verify)},
          {"errors", errors_of(stage)},
          {"errors_omitted", stage.errors_omitted}};
}

Json named_figures(const run::StageSnapshot& stage) {
  Json out = {{"name", stage.name}};
  out.update(figures_of(stage));
  return out;
}

// The stage that runs, or the one that it came to.
Json stage_of(const DeviceSnapshot& device) {
  for (const auto& stage : device.stages) {
    if (stage.state != run::State::succeeded) return stage.name;
  }
  return nullptr;
}

}  // namespace

Json render_stage(const run::StageSnapshot& stage) {
  Json out = named_figures(stage);
  out["steady"] = render_steady(stage.evidence.steady);
  out["streams"] = Json::array();
  for (const auto& stream : stage.streams) out["streams"].push_back(named_figures(stream));
  return out;
}

Json render_run_alone(const DeviceSnapshot& device) {
  Json out = {{"device", device.facts.name},
              {"path", device.facts.path},
              {"stage", stage_of(device)},
              {"verdict", verdict_of(device.verdict)},
              {"criteria", render_criteria(device.criteria)},
              {"coverage", number_or_null(verdict::coverage_of(device))},
              {"slow_zones", render_zones(device.zones).at("zones")}};
  out.update(figures_of(device));
  out["safety_read_bytes"] = device.safety_read_bytes;
  out["kernel"] = kernel_of(device.kernel);
  return out;
}

Json render_run(const DeviceSnapshot& device) {
  Json out = render_run_alone(device);
  out["stages"] = Json::array();
  for (const auto& stage : device.stages) out["stages"].push_back(render_stage(stage));
  return out;
}

}  // namespace spliced::form
